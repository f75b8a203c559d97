/**
 * What peers ask of an agent, until its machine answers. The wire contract of agent/peer and agent/api, without a wire.
 */
import { peerStatusOf, testimonyOf } from '../../agent/api/node-status.ts';
import type { Witness } from '../../agent/core/repair.ts';
import type { AnswerTo, AskOf } from '../../agent/machine/asks.ts';
import type { Event } from '../../agent/machine/events.ts';
import type { AgentMachine } from '../../agent/machine/machine.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Process } from './process.ts';

type PromiseReply = AnswerTo<'ask-promise'>;

export type InboxParts = {
  readonly process: Process;
  readonly machine: () => AgentMachine | null;
  readonly step: (event: Event) => void;
  readonly nowMs: () => number;
};

export class Inbox {
  readonly #parts: InboxParts;
  readonly #promises = new Map<number, (reply: PromiseReply) => void>();
  readonly #leaves = new Map<number, (mayGo: boolean) => void>();
  readonly #fresh = new Map<number, () => void>();
  #requests = 0;

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  get process(): Process {
    return this.#parts.process;
  }

  step(event: Event): void {
    this.#parts.step(event);
  }

  onPromise(question: AskOf<'ask-promise'>['question'], reply: (given: PromiseReply) => void): void {
    const request = this.#next();
    this.#promises.set(request, reply);
    this.step({ kind: 'asked-to-promise', request, question });
  }

  onLeave(member: MemberId, reply: (mayGo: boolean) => void): void {
    const request = this.#next();
    this.#leaves.set(request, reply);
    this.step({ kind: 'asked-to-leave', request, member });
  }

  onFresh(tell: () => void): void {
    const request = this.#next();
    this.#fresh.set(request, tell);
    this.step({ kind: 'asked-fresh', request });
  }

  status(): AnswerTo<'ask-status'> {
    const machine = this.#parts.machine();
    return machine === null ? null : peerStatusOf(machine.facts(this.#parts.nowMs()));
  }

  /** What it has on its disk; null while it starts. */
  testimony(): Witness | null {
    const machine = this.#parts.machine();
    return machine === null ? null : testimonyOf(machine.facts(this.#parts.nowMs()));
  }

  replyPromise(request: number, reply: PromiseReply): void {
    this.#promises.get(request)?.(reply);
    this.#promises.delete(request);
  }

  replyLeave(request: number, mayGo: boolean): void {
    this.#leaves.get(request)?.(mayGo);
    this.#leaves.delete(request);
  }

  replyFresh(request: number): void {
    this.#fresh.get(request)?.();
    this.#fresh.delete(request);
  }

  /** The process has died: nobody gets an answer. */
  clear(): void {
    this.#promises.clear();
    this.#leaves.clear();
    this.#fresh.clear();
  }

  #next(): number {
    this.#requests += 1;
    return this.#requests;
  }
}
