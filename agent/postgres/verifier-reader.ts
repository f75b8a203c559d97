/**
 * What PostgreSQL stores instead of a user's password, read for a proxy that must log in as one of its clients. A plain read on a leader or a
 * standby, on a session of its own: many clients log in at once, and none of them may wait on, or cost, the session that decisions live on.
 * It must never log, keep or quote what it reads.
 */
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { ControlSession } from './control-connection.ts';
import type { LocalServer } from './local-server.ts';
import { text } from './observe.ts';
import type { VerifierLook } from './port.ts';
import { verifierSql } from './role-sql.ts';

/** More that wait for their turn are sent away: their proxy can only not move them. */
const WAITING_MAX = 1_000;
/** Logins come in bursts; between them the connection is given back. */
const IDLE_MS = 10_000;

const UNKNOWN: VerifierLook = { kind: 'unknown' };

export class VerifierReader {
  readonly #server: LocalServer;
  #session: ControlSession | null = null;
  #last: Promise<VerifierLook> = Promise.resolve(UNKNOWN);
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(server: LocalServer) {
    this.#server = server;
  }

  /** One question at a time; the time in the queue counts. */
  async read(user: string, deadlineMs: number): Promise<VerifierLook> {
    if (this.#waiting >= WAITING_MAX) return UNKNOWN;
    const untilMs = monotonicMs() + deadlineMs;
    this.#waiting += 1;
    clearTimeout(this.#idle);
    this.#last = this.#last.then(() => this.#ask(user, untilMs));
    const look = await this.#last;
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#idle = setTimeout(this.forget, IDLE_MS);
    return look;
  }

  /** The server is gone, or nobody asks any more. */
  readonly forget = (): void => {
    clearTimeout(this.#idle);
    this.#session?.destroy();
    this.#session = null;
  };

  async #ask(user: string, untilMs: number): Promise<VerifierLook> {
    const leftMs = untilMs - monotonicMs();
    if (leftMs <= 0) return UNKNOWN;
    try {
      if (this.#session?.isOpen !== true) this.#session = await this.#server.freshSession(leftMs);
      const [row] = await this.#session.query(verifierSql(), untilMs - monotonicMs(), [user]);
      return { kind: 'looked', verifier: row === undefined ? null : text(row, 'verifier') };
    } catch {
      // Starting, full, gone, or made by an agent that knew of no such function: the words of the error could quote what was asked.
      this.forget();
      return UNKNOWN;
    }
  }
}
