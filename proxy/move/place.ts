/**
 * A session at the next server, before it is the client's: told what the client's session consists of, then seen to be at a leader. It must
 * never reach a client half told: whoever takes it has been answered `ready`.
 */
import type { MemberId } from '../../shared/domain/node-id.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Backend } from '../login/backend-login.ts';
import type { Request } from './audit.ts';
import { converse } from './conversation.ts';
import { query, splitMessages, withReports, type Parameters } from './frames.ts';
import { judgeLate, judgeReplay, judgeVerify, lateRequest, replayRequest, reportChanges, VERIFY, type Replayed } from './replay.ts';
import { isSame, type Cut, type SessionState } from './session-state.ts';

/** `failed`: the connection or the server is of no use any more; another one may be. */
type Failed = { readonly kind: 'failed'; readonly why: string };
export type Telling = { readonly kind: 'told' } | Cut | Failed;
export type Finish = { readonly kind: 'ready'; readonly ahead: Buffer } | Cut | Failed;

const REPLAY_MS = 3_000;
const VERIFY_MS = 1_000;
/** The record tells of the promotion already; every session sees it within moments. */
const PROMOTED_MS = 2_000;
const PROMOTED_POLL_MS = 2;
/** What a server may say to a replay: an answer a statement, each of a few bytes, and errors. */
const ANSWER_BYTES = 1_048_576;
/** Undoes everything that a replay does. */
const FORGET_ALL: Request = { bytes: query('discard all'), readyCount: 1 };

export class Place {
  readonly member: MemberId;
  readonly backend: Backend;
  #parameters: Parameters;
  #told: { readonly state: SessionState; readonly replayed: Extract<Replayed, { kind: 'ok' }> } | null = null;
  #isFresh = true;

  constructor(member: MemberId, backend: Backend) {
    this.member = member;
    this.backend = backend;
    this.#parameters = backend.parameters;
  }

  /** As far as a standby lets it; what was told before is told again only when it differs. */
  async tell(state: SessionState, signal: AbortSignal): Promise<Telling> {
    if (this.#told !== null && isSame(this.#told.state, state)) return { kind: 'told' };
    this.#told = null;
    if (!this.#isFresh) {
      const emptied = await this.#ask(FORGET_ALL, REPLAY_MS, signal);
      if (emptied.kind === 'failed') return emptied;
    }
    this.#isFresh = false;
    const answer = await this.#ask(replayRequest(state), REPLAY_MS, signal);
    if (answer.kind === 'failed') return answer;
    const replayed = judgeReplay(answer.bytes, state);
    if (replayed.kind === 'cut') return replayed;
    this.#told = { state, replayed };
    return { kind: 'told' };
  }

  /** What has to wait until the server leads. `known`: what the client was told of its server; `ahead` is what has changed. */
  async finish(known: Parameters, signal: AbortSignal): Promise<Finish> {
    const told = this.#told;
    if (told === null) return { kind: 'failed', why: 'it was not told what the session is' };
    const promoted = await this.#untilPromoted(signal);
    if (promoted !== null) return promoted;
    const request = lateRequest(told.state, told.replayed);
    const answer = await this.#ask(request, REPLAY_MS, signal);
    if (answer.kind === 'failed') return answer;
    const judged = judgeLate(answer.bytes, request);
    if (judged.kind === 'cut') return judged;
    const changes = reportChanges(known, this.#parameters);
    return changes.kind === 'cut' ? changes : { kind: 'ready', ahead: changes.messages };
  }

  close(): void {
    this.backend.socket.destroy();
  }

  async #untilPromoted(signal: AbortSignal): Promise<Failed | null> {
    const untilMs = monotonicMs() + PROMOTED_MS;
    for (;;) {
      const answer = await this.#ask(VERIFY, VERIFY_MS, signal);
      if (answer.kind === 'failed') return answer;
      const verified = judgeVerify(answer.bytes);
      if (verified.kind === 'leader') return null;
      if (verified.kind === 'cut') return { kind: 'failed', why: verified.why };
      if (monotonicMs() >= untilMs) return { kind: 'failed', why: 'the server is still in recovery' };
      await sleep(PROMOTED_POLL_MS, signal);
    }
  }

  async #ask({ bytes, readyCount }: Request, budgetMs: number, signal: AbortSignal): ReturnType<typeof converse> {
    const answer = await converse(this.backend.socket, bytes, { readyCount, budgetMs, signal, maxBytes: ANSWER_BYTES });
    if (answer.kind === 'answered') this.#parameters = withReports(this.#parameters, splitMessages(answer.bytes) ?? []);
    return answer;
  }
}
