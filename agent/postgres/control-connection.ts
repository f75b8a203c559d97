/**
 * Connections of the agent to its own server, over the Unix socket, as one of the control roles. One is kept for the questions of every turn;
 * fresh ones prove what only a new session shows. Every query has a deadline: when it passes the socket is destroyed, never waited for.
 */
import { isIP, Socket } from 'node:net';
import pg from 'pg';
import { appError, systemErrorCode } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { addressesOf } from './host-addresses.ts';

export type Row = Readonly<Record<string, unknown>>;

export type Login = {
  /** A socket directory or a host name. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly applicationName: string;
  /** Settings of the session, as libpq's `options`. */
  readonly options?: string;
  /** A walsender session: commands of the replication protocol instead of SQL. */
  readonly replication?: boolean;
};

/**
 * A question that is asked again and again on one session: planned at its first time, and not once more. `name` is unique among those of a session. The
 * question about the server's state takes PostgreSQL 1.5 ms to plan and 0.05 ms to answer, on every node, in the middle of a failover.
 */
export type Statement = { readonly name: string; readonly text: string };

/** PostgreSQL answered, but lets nobody in yet or no longer. */
export const CANNOT_CONNECT_NOW = '57P03';
const NEVER = new AbortController().signal;
const SESSION_OPTIONS = '-c search_path=pg_catalog -c jit=off';

/** Types travel as text: positions and identifiers are larger than a double holds. */
const TEXT_TYPES = { getTypeParser: () => (value: string) => value } as const;

export class ControlSession {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  #open = true;

  private constructor(client: pg.Client, socket: Socket, signal: AbortSignal) {
    this.#client = client;
    this.#socket = socket;
    this.#signal = signal;
    // An error of an idle session only means that it is over; the next query says so to whoever asks.
    client.on('error', () => this.destroy());
    client.on('end', () => this.destroy());
  }

  /** `signal` ends the session, whatever it is waiting for: a job that was pushed aside must not hold up the one that pushed it. */
  static async open(login: Login, deadlineMs: number, signal: AbortSignal = NEVER): Promise<ControlSession> {
    const startedAtMs = monotonicMs();
    const socket = new Socket();
    const client = new pg.Client({
      host: await hostOf(login, deadlineMs, signal),
      port: login.port,
      user: login.user,
      password: login.password,
      database: login.database,
      application_name: login.applicationName,
      options: login.replication === true ? undefined : `${SESSION_OPTIONS} ${login.options ?? ''}`,
      ...(login.replication === true ? { replication: 'true' } : {}),
      stream: () => socket,
      types: TEXT_TYPES,
      ssl: false,
    } as pg.ClientConfig);
    const session = new ControlSession(client, socket, signal);
    await session.#within(client.connect(), deadlineMs - (monotonicMs() - startedAtMs), 'connecting');
    return session;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  async query(sql: string | Statement, deadlineMs: number, values?: readonly string[]): Promise<readonly Row[]> {
    if (!this.#open) throw appError('PGB-1330', 'the session is over');
    const asked = typeof sql === 'string' ? { text: sql } : sql;
    const result = await this.#within(
      this.#client.query<Record<string, unknown>>(values === undefined ? asked : { ...asked, values: [...values] }),
      deadlineMs,
      'a query',
    );
    return result.rows;
  }

  /** A query whose end is not awaited here; its failure is nobody's news. */
  launch(sql: string): void {
    if (this.#open) this.#client.query(sql).catch(() => undefined);
  }

  destroy(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  async #within<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
    const startedAtMs = monotonicMs();
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const giveUp = (why: string): void => {
        this.destroy();
        reject(new SlowServerError(`${what} ${why} ${String(Math.round(monotonicMs() - startedAtMs))} ms`));
      };
      timer = setTimeout(() => giveUp('took longer than'), Math.max(0, deadlineMs));
      onAbort = (): void => giveUp('was given up after');
      if (this.#signal.aborted) onAbort();
      else this.#signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      // Whatever the server said, a session that failed to open is of no use.
      if (what === 'connecting') this.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', onAbort);
    }
  }
}

/** The library would ask for the name by itself, past the one place where questions that nobody answers are kept from piling up. */
async function hostOf({ host }: Login, deadlineMs: number, signal: AbortSignal): Promise<string> {
  if (host.startsWith('/') || isIP(host) !== 0) return host;
  const [address] = await addressesOf(host, deadlineMs, signal);
  if (address === undefined) throw new SlowServerError(`${host} has no address, or nobody says which`);
  return address;
}

export class SlowServerError extends Error {
  override readonly name = 'SlowServerError';
}

/** What the server itself said; null: it was not the server who spoke. */
export function sqlStateOf(error: unknown): string | null {
  const code = systemErrorCode(error);
  return code !== null && /^[0-9A-Z]{5}$/.test(code) && error instanceof Error && 'severity' in error ? code : null;
}

export type ConnectFailure = 'not-listening' | 'not-yet' | 'shutting-down' | 'slow' | 'other';

/** Why a session could not be opened or was lost, as far as it decides what to do. */
export function classifyFailure(error: unknown): ConnectFailure {
  if (error instanceof SlowServerError) return 'slow';
  const code = systemErrorCode(error);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return 'not-listening';
  if (code === CANNOT_CONNECT_NOW) return error instanceof Error && error.message.includes('shutting down') ? 'shutting-down' : 'not-yet';
  return 'other';
}
