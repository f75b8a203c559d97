/**
 * Reads the outcome of one compare-and-swap out of the answers to its copies (PROTOCOL S1, S3). Pure. It must never say `committed` of a
 * change that was not, `rejected` or `refused` of one that was or still may be; when in doubt it says `superseded` or nothing.
 *
 * All copies compare the same mod revision, and any commit moves it: at most one copy commits, and once something else is seen there, none
 * ever will. What remains in doubt then is only whether ours had been there for a moment.
 */
import { unreachable } from '../assert.ts';
import type { Header, KeyValue, ModRevision } from './dcs.ts';
import type { Attempt } from './etcd-outcome.ts';
import type { Judgement } from './etcd-race.ts';
import { modRevision, type SwapReply } from './swap.ts';

export type SwapOutcome =
  | { readonly kind: 'committed'; readonly modRevision: ModRevision; readonly header: Header }
  | { readonly kind: 'rejected' | 'superseded'; readonly current: KeyValue | null; readonly header: Header }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

export class SwapJudge {
  readonly #isMine: (current: KeyValue | null) => boolean;
  #hasUnsettled: boolean;
  #other: SwapReply | null = null;
  #refusal: string | null = null;

  /** `hasUnsettled`: copies of an earlier call may have committed, or may still. */
  constructor(isMine: (current: KeyValue | null) => boolean, hasUnsettled: boolean) {
    this.#isMine = isMine;
    this.#hasUnsettled = hasUnsettled;
  }

  get hasUnsettled(): boolean {
    return this.#hasUnsettled;
  }

  judge(attempt: Attempt<SwapReply>, inFlight: number): Judgement<SwapOutcome> {
    switch (attempt.kind) {
      case 'answered':
        if (attempt.value.succeeded || this.#isMine(attempt.value.current)) return { kind: 'done', result: this.#mine(attempt.value) };
        this.#other = attempt.value;
        break;
      case 'refused':
        this.#refusal = attempt.why;
        break;
      case 'unknown':
        this.#hasUnsettled = true;
        break;
      case 'not-done':
        break;
      default:
        return unreachable(attempt);
    }
    return this.#conclude(inFlight);
  }

  /** A copy committed, or an earlier one did and its value is still there. The slow reply of a copy that has been overwritten since says so too. */
  #mine(reply: SwapReply): SwapOutcome {
    if (this.#other !== null) return { kind: 'superseded', current: this.#other.current, header: this.#other.header };
    const revision = reply.current === null ? modRevision(reply.header.revision) : reply.current.modRevision;
    return { kind: 'committed', modRevision: revision, header: reply.header };
  }

  #conclude(inFlight: number): Judgement<SwapOutcome> {
    if (this.#other !== null) {
      const { current, header } = this.#other;
      if (this.#hasUnsettled) return { kind: 'done', result: { kind: 'superseded', current, header } };
      if (inFlight === 0) return { kind: 'done', result: { kind: 'rejected', current, header } };
      return { kind: 'linger', result: { kind: 'superseded', current, header } };
    }
    if (this.#refusal !== null) {
      // A refusal binds the copy that got it; one that was sent before may still commit.
      if (this.#hasUnsettled) return { kind: 'done', result: { kind: 'unknown', why: this.#refusal } };
      if (inFlight === 0) return { kind: 'done', result: { kind: 'refused', why: this.#refusal } };
      return { kind: 'linger', result: { kind: 'unknown', why: this.#refusal } };
    }
    return { kind: 'next' };
  }
}
