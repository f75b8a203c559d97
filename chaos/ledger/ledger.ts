/**
 * The write ledger: N writers with one session each through one address, and the history of what they attempted. It is the client of the demo and
 * of the tests.
 */
import type { Entry } from './entry.ts';
import { History, type ClientError } from './history.ts';
import { runWriter } from './writer.ts';

export type LedgerOptions = {
  readonly connectionString: string;
  readonly writers: number;
  /** Pause of one writer between two writes. */
  readonly paceMs: number;
  readonly retryMs: number;
  /** A statement or a connection attempt that takes longer is given up by the client. */
  readonly patienceMs: number;
};

export const DEFAULT_LEDGER: Omit<LedgerOptions, 'connectionString'> = { writers: 4, paceMs: 5, retryMs: 5, patienceMs: 15_000 };

export const CREATE_LEDGER =
  'CREATE TABLE IF NOT EXISTS pgbaton_ledger (writer integer NOT NULL, seq integer NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())';

const NEVER = new AbortController().signal;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #history = new History();
  readonly #stop = new AbortController();
  #writers: Promise<unknown> = Promise.resolve();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  start(): void {
    const { writers, ...options } = this.#options;
    const endings = { stop: this.#stop.signal, abandon: NEVER };
    this.#writers = Promise.all(
      Array.from({ length: writers }, (_, writer) =>
        runWriter({ ...options, writer, route: 'proxy', session: 'kept', onReadOnly: { kind: 'leave' } }, this.#history, endings),
      ),
    );
    // Looked at in stop(); until then it must not count as unhandled.
    this.#writers.catch(() => undefined);
  }

  /** Waits until every writer has settled its last attempt. Rejects when a writer ended by a defect. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writers;
  }

  /** A copy: later writes do not change it. */
  entries(): readonly Entry[] {
    return this.#history.entries();
  }

  errorsSince(sinceMs: number): readonly ClientError[] {
    return this.#history.errorsSince(sinceMs);
  }

  get lastAckMs(): number | null {
    return this.#history.lastAckMs;
  }

  get attempts(): number {
    return this.#history.attempts;
  }
}
