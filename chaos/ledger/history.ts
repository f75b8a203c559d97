/**
 * What all clients together have lived through: every settled attempt and every error, on one monotonic clock. It only grows and is bounded; it
 * judges nothing.
 */
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sqlStateOf } from './classify.ts';
import type { Entry } from './entry.ts';

/** An hour of four fast writers; the history ends with an error rather than fill the memory. */
const MAX_ENTRIES = 2_000_000;

/** One thing that went wrong for a client: a broken session is one error, however many ways the driver tells of it. */
export type ClientError = {
  readonly atMs: number;
  readonly writer: number;
  readonly route: string;
  readonly phase: 'connect' | 'session';
  readonly code: string;
  readonly message: string;
};

export class History {
  readonly #entries: Entry[] = [];
  readonly #errors: ClientError[] = [];
  /** Per writer, when its newest acknowledged row was sent. */
  readonly #ackInvokedMs = new Map<number, number>();
  #lastAckMs: number | null = null;

  add(entry: Entry): void {
    if (this.#entries.length >= MAX_ENTRIES) throw new Error(`the ledger is full: ${String(MAX_ENTRIES)} attempts`);
    this.#entries.push(entry);
    if (entry.outcome !== 'ok') return;
    this.#lastAckMs = entry.endedMs;
    this.#ackInvokedMs.set(entry.writer, entry.invokedMs);
  }

  note(from: Pick<ClientError, 'writer' | 'route' | 'phase'>, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const code = sqlStateOf(error) ?? (error instanceof Error && 'code' in error ? String(error.code) : 'none');
    if (this.#errors.length < MAX_ENTRIES) this.#errors.push({ ...from, atMs: monotonicMs(), code, message });
  }

  /** A copy: later writes do not change it. */
  entries(): readonly Entry[] {
    return this.#entries.slice();
  }

  errorsSince(sinceMs: number): readonly ClientError[] {
    return this.#errors.filter(({ atMs }) => atMs >= sinceMs);
  }

  get lastAckMs(): number | null {
    return this.#lastAckMs;
  }

  /** Has the writer sent a row since then that was acknowledged? */
  hasAckSince(writer: number, sinceMs: number): boolean {
    return (this.#ackInvokedMs.get(writer) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  }

  get attempts(): number {
    return this.#entries.length;
  }
}
