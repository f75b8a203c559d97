/**
 * Times the phases of a take-over as the new holder lives them, so that every failover explains itself: detect, fence, choose, claim,
 * promote, route. For humans and reports; nothing decides by it.
 */
import type { FailoverReport } from '../../shared/domain/cluster-status.ts';
import type { Outbox } from './outbox.ts';

type Phase = FailoverReport['phases'][number]['phase'];

const ORDER: readonly Phase[] = ['detect', 'fence', 'choose', 'claim', 'promote', 'route'];

/** `evidenceAtMs`: by this node's monotonic clock; whoever shows it to people turns it into a time of day. */
export type TimedFailover = Omit<FailoverReport, 'at'> & { readonly evidenceAtMs: number };

export class FailoverClock {
  readonly #outbox: Outbox;
  #evidenceAtMs: number | null = null;
  #trigger = '';
  #why = '';
  #epoch = '';
  readonly #ends = new Map<Phase, number>();
  #last: TimedFailover | null = null;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** The first evidence of a round; later evidence of the same round does not restart the clock. */
  evidence(trigger: string, atMs: number): void {
    if (this.#evidenceAtMs !== null && this.#trigger === trigger) return;
    this.#evidenceAtMs = atMs;
    this.#trigger = trigger;
    this.#ends.clear();
  }

  end(phase: Phase): void {
    if (this.#evidenceAtMs !== null) this.#ends.set(phase, this.#outbox.nowMs);
  }

  claimed(epoch: string, why: string): void {
    this.#epoch = epoch;
    this.#why = why;
  }

  /** The round came to nothing for this node. */
  forget(): void {
    if (this.#evidenceAtMs === null) return;
    this.#evidenceAtMs = null;
    this.#ends.clear();
  }

  finish(): void {
    const start = this.#evidenceAtMs;
    if (start === null) return;
    this.end('route');
    let from = 0;
    const phases = ORDER.flatMap((phase) => {
      const end = this.#ends.get(phase);
      if (end === undefined) return [];
      const entry = { phase, startMs: round(from), endMs: round(end - start) };
      from = end - start;
      return [entry];
    });
    this.#last = { epoch: this.#epoch, trigger: this.#trigger, why: this.#why, evidenceAtMs: start, phases };
    this.forget();
  }

  get last(): TimedFailover | null {
    return this.#last;
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
