/**
 * Speaks to the other agents: one keep-alive connection a peer, a deadline on every word. Silence is an answer; nothing here throws.
 */
import { Agent } from 'node:http';
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { httpJson } from '../../shared/http/client.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { PeerStatus, PromiseAnswer } from '../core/facts.ts';
import { answerSchema, statusSchema, type PromiseRequest } from './messages.ts';

export type PromiseReply =
  | { readonly kind: 'promised'; readonly answer: PromiseAnswer }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string };

export class PeerClient {
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8, scheduling: 'lifo' });

  constructor(token: string) {
    this.#token = token;
  }

  /** `fresh`: the peer looks at its server again before it answers. */
  async status(agentUrl: string, timeoutMs: number, signal: AbortSignal, fresh = false): Promise<PeerStatus | null> {
    const askedAtMs = monotonicMs();
    const reply = await this.#post(`${agentUrl}/peer/status`, { fresh }, timeoutMs, signal);
    const parsed = statusSchema.safeParse(reply.kind === 'ok' ? reply.body : null);
    return parsed.success ? { ...parsed.data, askedAtMs, heardAtMs: monotonicMs() } : null;
  }

  async down(agentUrl: string, epoch: Epoch, holder: MemberId, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#post(`${agentUrl}/peer/down`, { epoch: epoch.toString(), holder }, timeoutMs, signal);
    return reply.kind === 'ok' && reply.status === 202;
  }

  /** A hint only: the peer reads the record from the store before it believes it. */
  async claimed(agentUrl: string, record: LeaderRecord, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#post(`${agentUrl}/peer/claimed`, { epoch: record.epoch.toString() }, timeoutMs, signal);
  }

  async promise(agentUrl: string, request: PromiseRequest, timeoutMs: number, signal: AbortSignal): Promise<PromiseReply> {
    const body = { ...request, ballot: request.ballot.toString(), recordEpoch: request.recordEpoch.toString() };
    const reply = await this.#post(`${agentUrl}/peer/promise`, body, timeoutMs, signal);
    if (reply.kind === 'failed') return { kind: 'silent', why: reply.why };
    const parsed = answerSchema.safeParse(reply.body);
    if (!parsed.success) return { kind: 'silent', why: 'the answer was malformed' };
    return parsed.data.kind === 'refused' ? parsed.data : { kind: 'promised', answer: parsed.data };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #post(url: string, body: unknown, timeoutMs: number, signal: AbortSignal): ReturnType<typeof httpJson> {
    return httpJson({ url, method: 'POST', body, token: this.#token, timeoutMs, signal, agent: this.#agent });
  }
}
