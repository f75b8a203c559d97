/**
 * The write ledger: N writers that insert numbered rows through one address and remember every acknowledgement. It is the client of the
 * demo and of the tests, and it must stay as naive as a client: it knows nothing of nodes, leaders or faults, and never repeats an attempt.
 */
import { Client } from 'pg';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep, withDeadline } from '../../shared/runtime/deadline.ts';
import { outcomeOfFailure, sqlStateOf } from './classify.ts';
import type { Entry, Outcome } from './entry.ts';

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
const INSERT = 'INSERT INTO pgbaton_ledger (writer, seq) VALUES ($1, $2)';
const GOODBYE_MS = 1_000;
/** An hour of four fast writers; the ledger ends with an error rather than fill the memory. */
const MAX_ENTRIES = 2_000_000;

/** One thing that went wrong for a client: a broken session is one error, however many ways the driver tells of it. */
export type ClientError = {
  readonly atMs: number;
  readonly writer: number;
  readonly phase: 'connect' | 'session';
  readonly code: string;
  readonly message: string;
};

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #entries: Entry[] = [];
  readonly #errors: ClientError[] = [];
  readonly #stop = new AbortController();
  #writers: Promise<unknown> = Promise.resolve();
  #lastAckMs: number | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#writers = Promise.all(Array.from({ length: this.#options.writers }, (_, writer) => this.#write(writer)));
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
    return this.#entries.slice();
  }

  errorsSince(sinceMs: number): readonly ClientError[] {
    return this.#errors.filter(({ atMs }) => atMs >= sinceMs);
  }

  get lastAckMs(): number | null {
    return this.#lastAckMs;
  }

  get attempts(): number {
    return this.#entries.length;
  }

  async #write(writer: number): Promise<void> {
    const stop = this.#stop.signal;
    for (let seq = 0; !stop.aborted;) {
      const client = await this.#connect(writer);
      if (client === null) {
        await sleep(this.#options.retryMs);
        continue;
      }
      seq = await this.#writeUntilBroken(client, writer, seq);
      await close(client);
      if (!stop.aborted) await sleep(this.#options.retryMs);
    }
  }

  async #connect(writer: number): Promise<Client | null> {
    const { connectionString, patienceMs } = this.#options;
    const client = new Client({
      connectionString,
      connectionTimeoutMillis: patienceMs,
      application_name: `pgbaton-ledger-${String(writer)}`,
      keepAlive: true,
    });
    // Without a listener an idle session that breaks would end the process. The next statement tells the same story.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      this.#note(writer, 'connect', error);
      await close(client);
      return null;
    }
  }

  /** Returns the next unused number. */
  async #writeUntilBroken(client: Client, writer: number, firstSeq: number): Promise<number> {
    let seq = firstSeq;
    for (; !this.#stop.signal.aborted; seq += 1) {
      const invokedMs = monotonicMs();
      const result = await this.#attempt(client, writer, seq);
      const endedMs = monotonicMs();
      if (this.#entries.length >= MAX_ENTRIES) throw new Error(`the ledger is full: ${String(MAX_ENTRIES)} attempts`);
      this.#entries.push({ writer, seq, invokedMs, endedMs, outcome: result.outcome });
      if (result.outcome === 'ok') this.#lastAckMs = endedMs;
      if (result.error !== null) {
        this.#note(writer, 'session', result.error);
        return seq + 1;
      }
      await sleep(this.#options.paceMs);
    }
    return seq;
  }

  async #attempt(client: Client, writer: number, seq: number): Promise<{ readonly outcome: Outcome; readonly error: unknown }> {
    const { patienceMs } = this.#options;
    try {
      const answer = await withDeadline(async () => client.query(INSERT, [writer, seq]), patienceMs);
      if (answer.kind === 'done') return { outcome: 'ok', error: null };
      return { outcome: 'unknown', error: new Error(`no answer within ${String(patienceMs)} ms`) };
    } catch (error) {
      return { outcome: outcomeOfFailure(error, true), error };
    }
  }

  #note(writer: number, phase: ClientError['phase'], error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const code = sqlStateOf(error) ?? (error instanceof Error && 'code' in error ? String(error.code) : 'none');
    if (this.#errors.length < MAX_ENTRIES) this.#errors.push({ atMs: monotonicMs(), writer, phase, code, message });
  }
}

/** A broken or silent session cannot say goodbye; nobody waits for it longer than a second. */
async function close(client: Client): Promise<void> {
  await withDeadline(async () => client.end(), GOODBYE_MS).catch(() => undefined);
}
