/**
 * The committed stroke and the fresh session: what a hung disk or a stopped postmaster cannot answer, while old sessions, reads and views stay
 * green. The stroke does not wait for standbys, because it asks about this machine; it must never leave a second backend hanging beside the first.
 */
import { messageOf } from '../../shared/errors.ts';
import { withDeadline } from '../../shared/runtime/deadline.ts';
import { classifyFailure, sqlStateOf, type ControlSession } from './control-connection.ts';
import { DONE, failed, type LocalServer } from './local-server.ts';
import type { Outcome } from './port.ts';

/** A transactional one: the plain message is neither flushed nor waited for. */
const STROKE_SQL = "select pg_logical_emit_message(true, 'pgbaton', 'stroke')";
/** Nobody waits so long; it bounds what a backend that never comes back holds on to. */
const STROKE_BACKEND_MS = 3_600_000;
const TOO_MANY_CONNECTIONS = '53300';

export class Pulse {
  readonly #server: LocalServer;
  #session: ControlSession | null = null;
  #running: Promise<Outcome> | null = null;

  constructor(server: LocalServer) {
    this.#server = server;
  }

  async stroke(deadlineMs: number): Promise<Outcome> {
    this.#running ??= this.#strike(deadlineMs).finally(() => {
      this.#running = null;
    });
    const running = this.#running;
    const outcome = await withDeadline(async () => running, deadlineMs);
    return outcome.kind === 'done' ? outcome.value : failed('PGB-1330', `a commit has not returned within ${String(deadlineMs)} ms`);
  }

  async knock(deadlineMs: number): Promise<'answered' | 'full' | 'silent'> {
    try {
      const session = await this.#server.freshSession(deadlineMs);
      try {
        await session.query('select 1', deadlineMs);
        return 'answered';
      } finally {
        session.destroy();
      }
    } catch (error) {
      if (sqlStateOf(error) === TOO_MANY_CONNECTIONS) return 'full';
      // Words of refusal come from a postmaster that works: it starts, stops, or does not know us.
      return classifyFailure(error) === 'not-yet' || sqlStateOf(error) !== null ? 'answered' : 'silent';
    }
  }

  /** The former server is gone, and with it whoever hung there. */
  forget(): void {
    this.#session?.destroy();
    this.#session = null;
    this.#running = null;
  }

  async #strike(deadlineMs: number): Promise<Outcome> {
    try {
      if (this.#session?.isOpen !== true) this.#session = await this.#server.freshSession(deadlineMs, '-c synchronous_commit=local');
      await this.#session.query(STROKE_SQL, STROKE_BACKEND_MS);
      return DONE;
    } catch (error) {
      // Without room for one more session nothing is known of the disk; the knock tells of it.
      if (sqlStateOf(error) === TOO_MANY_CONNECTIONS) return DONE;
      return failed('PGB-1330', messageOf(error));
    }
  }
}
