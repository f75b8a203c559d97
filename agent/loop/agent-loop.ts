/**
 * Gives the machine its world: every event of a node goes in with the monotonic instant at which it came, every effect is carried out beside it. A
 * step never waits, so a hung disk or a silent peer cannot hold up a renewal. It decides nothing; whatever it could decide belongs into the machine.
 */
import { setTimeout as after } from 'node:timers';
import { InvariantError, unreachable } from '../../shared/assert.ts';
import type { Subscription, Dcs } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Logger } from '../../shared/logging/logger.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { aborted } from '../../shared/runtime/deadline.ts';
import type { PromiseQuestion } from '../core/promise.ts';
import type { PromiseReply } from '../machine/asks.ts';
import type { Effect, Event } from '../machine/events.ts';
import type { AgentMachine } from '../machine/machine.ts';
import type { Failpoints } from './failpoints.ts';
import type { Recorder } from './recording.ts';
import { answer, type WorldParts } from './world.ts';

export type LoopParts = WorldParts & {
  readonly machine: AgentMachine;
  readonly dcs: Dcs;
  readonly keys: Keys;
  readonly log: Logger;
  readonly failpoints: Failpoints;
  /** Null: nobody asked for one. */
  readonly recorder: Recorder | null;
  readonly signal: AbortSignal;
  /** A broken invariant: whoever is told fences first and ends the process afterwards. */
  readonly crash: (error: unknown) => void;
};

type Given = Exclude<PromiseReply, { kind: 'silent' }>;

/** Far more than peers can ask at once; each of them has a deadline of its own. */
const REQUESTS_MAX = 1_024;

export class AgentLoop {
  readonly #parts: LoopParts;
  readonly #asks = new Map<number, AbortController>();
  readonly #promises = new Map<number, (reply: Given) => void>();
  readonly #leaves = new Map<number, (mayGo: boolean) => void>();
  readonly #fresh = new Map<number, () => void>();
  readonly #events: Event[] = [];
  /** What comes before the world is ready to answer is nobody's news: the machine asks for all of it anyway. */
  #isRunning = false;
  #isStepping = false;
  #lastRequest = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  /** Runs until the signal aborts. What was begun then ends by its own deadline, and nobody listens. */
  async run(): Promise<void> {
    const { postgres, dcs, keys, store, signal } = this.#parts;
    this.#isRunning = true;
    postgres.onGuardChange(() => {
      this.feed({ kind: 'guard', status: postgres.guard() });
    });
    const watch: Subscription = dcs.watch(keys.prefix, (hint) => {
      const event = store.eventOf(hint);
      if (event !== null) this.feed(event);
    });
    this.feed({ kind: 'guard', status: postgres.guard() });
    await aborted(signal);
    watch.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const ask of this.#asks.values()) ask.abort();
  }

  feed(event: Event): void {
    if (!this.#isRunning) return;
    this.#events.push(event);
    // An effect that ends at once must not begin a step within a step.
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    this.#isStepping = false;
  }

  async promise(question: PromiseQuestion): Promise<Given> {
    if (!this.#isRunning) return { kind: 'refused', why: 'this agent is starting' };
    if (this.#promises.size >= REQUESTS_MAX) return { kind: 'refused', why: 'too many requests' };
    const request = ++this.#lastRequest;
    return new Promise((resolve) => {
      this.#promises.set(request, resolve);
      this.feed({ kind: 'asked-to-promise', request, question });
    });
  }

  /** Whether a member that is about to give up its data is counted on no more. */
  async leave(member: MemberId): Promise<boolean> {
    if (!this.#isRunning || this.#leaves.size >= REQUESTS_MAX) return false;
    const request = ++this.#lastRequest;
    return new Promise((resolve) => {
      this.#leaves.set(request, resolve);
      this.feed({ kind: 'asked-to-leave', request, member });
    });
  }

  /** Resolves when the local server has been looked at again. */
  async fresh(): Promise<void> {
    if (!this.#isRunning || this.#fresh.size >= REQUESTS_MAX) return;
    const request = ++this.#lastRequest;
    await new Promise<void>((resolve) => {
      this.#fresh.set(request, resolve);
      this.feed({ kind: 'asked-fresh', request });
    });
  }

  #step(event: Event): void {
    const { machine, recorder, signal, crash } = this.#parts;
    if (signal.aborted) return;
    const nowMs = monotonicMs();
    try {
      const effects = machine.step(event, nowMs);
      recorder?.note({ event, nowMs, effects });
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      // Replayed, it throws again: nothing tells more about a broken invariant.
      recorder?.note({ event, nowMs, effects: [] });
      crash(error);
    }
  }

  #perform(effect: Effect): void {
    const { peers, log, signal } = this.#parts;
    switch (effect.kind) {
      case 'wake':
        this.#wakeAt(effect.atMs);
        return;
      case 'ask':
        void this.#ask(effect);
        return;
      case 'abandon':
        this.#asks.get(effect.id)?.abort();
        return;
      case 'tell-claimed':
        void peers.claimed(effect.url, effect.epoch, effect.timeoutMs, signal);
        return;
      case 'reply-promise':
        this.#promises.get(effect.request)?.(effect.reply);
        this.#promises.delete(effect.request);
        return;
      case 'reply-leave':
        this.#leaves.get(effect.request)?.(effect.mayGo);
        this.#leaves.delete(effect.request);
        return;
      case 'reply-fresh':
        this.#fresh.get(effect.request)?.();
        this.#fresh.delete(effect.request);
        return;
      case 'log':
        log[effect.level](effect.fields, effect.event);
        return;
      default:
        unreachable(effect);
    }
  }

  #wakeAt(atMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = after(
      () => {
        this.#timer = null;
        this.feed({ kind: 'woken' });
      },
      Math.max(0, atMs - monotonicMs()),
    );
  }

  async #ask({ id, ask }: Extract<Effect, { kind: 'ask' }>): Promise<void> {
    const { signal, crash } = this.#parts;
    const own = new AbortController();
    this.#asks.set(id, own);
    try {
      const given = await this.#parts.failpoints.around(ask, async () => answer(this.#parts, ask, own.signal));
      this.#asks.delete(id);
      if (!signal.aborted) this.feed({ kind: 'answered', id, answer: given });
    } catch (error) {
      // The world's failures are answers; what comes here is a defect of ours, and the machine would wait for this answer for ever.
      crash(
        error instanceof InvariantError ? error : new InvariantError(`broken invariant: ${ask.kind} is always answered: ${String(error)}`),
      );
    }
  }
}
