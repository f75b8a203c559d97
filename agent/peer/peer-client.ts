/**
 * Speaks to the other agents: one keep-alive connection a peer, a deadline on every word. Silence is an answer; nothing here throws.
 */
import { Agent } from 'node:http';
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { httpJson } from '../../shared/http/client.ts';
import type { PromiseQuestion } from '../core/promise.ts';
import type { Witness } from '../core/repair.ts';
import type { PromiseReply, StatusReply } from '../machine/asks.ts';
import { answerSchema, leaveAnswerSchema, statusSchema, testimonySchema } from './messages.ts';

/** Whose PostgreSQL is dead, or given up. */
export type Down = { readonly epoch: Epoch; readonly holder: MemberId; readonly why: 'down' | 'sick' };

export class PeerClient {
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8, scheduling: 'lifo' });

  constructor(token: string) {
    this.#token = token;
  }

  /** `fresh`: the peer looks at its server again before it answers. */
  async status(agentUrl: string, timeoutMs: number, signal: AbortSignal, fresh = false): Promise<StatusReply | null> {
    const reply = await this.#post(`${agentUrl}/peer/status`, { fresh }, timeoutMs, signal);
    const parsed = statusSchema.safeParse(reply.kind === 'ok' ? reply.body : null);
    return parsed.success ? parsed.data : null;
  }

  async down(agentUrl: string, { epoch, holder, why }: Down, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#post(`${agentUrl}/peer/down`, { epoch: epoch.toString(), holder, why }, timeoutMs, signal);
    return reply.kind === 'ok' && reply.status === 202;
  }

  /** True: the leader counts on this incarnation no more. */
  async leave(agentUrl: string, member: MemberId, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#post(`${agentUrl}/peer/leave`, { member }, timeoutMs, signal);
    const parsed = leaveAnswerSchema.safeParse(reply.kind === 'ok' ? reply.body : null);
    return parsed.success && parsed.data.mayGo;
  }

  /** A hint only: the peer reads the record from the store before it believes it. */
  async claimed(agentUrl: string, epoch: Epoch, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#post(`${agentUrl}/peer/claimed`, { epoch: epoch.toString() }, timeoutMs, signal);
  }

  async promise(agentUrl: string, question: PromiseQuestion, timeoutMs: number, signal: AbortSignal): Promise<PromiseReply> {
    const body = { ...question, ballot: question.ballot.toString(), recordEpoch: question.recordEpoch.toString() };
    const reply = await this.#post(`${agentUrl}/peer/promise`, body, timeoutMs, signal);
    if (reply.kind === 'failed') return { kind: 'silent', why: reply.why };
    const parsed = answerSchema.safeParse(reply.body);
    if (!parsed.success) return { kind: 'silent', why: 'the answer was malformed' };
    return parsed.data.kind === 'refused' ? parsed.data : { kind: 'promised', answer: parsed.data };
  }

  /** What it has on its disk, for a store that has gone back; null: it does not answer. */
  async testimony(agentUrl: string, timeoutMs: number, signal: AbortSignal): Promise<Witness | null> {
    const reply = await this.#post(`${agentUrl}/peer/testimony`, {}, timeoutMs, signal);
    const parsed = testimonySchema.safeParse(reply.kind === 'ok' ? reply.body : null);
    return parsed.success ? parsed.data : null;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #post(url: string, body: unknown, timeoutMs: number, signal: AbortSignal): ReturnType<typeof httpJson> {
    return httpJson({ url, method: 'POST', body, token: this.#token, timeoutMs, signal, agent: this.#agent });
  }
}
