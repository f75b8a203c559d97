/**
 * Sessions behind the proxy that do nothing, as those of an application's pool, and the moment in which each of them is told that it is over. They never
 * connect anew.
 */
import { Client } from 'pg';
import { monotonicMs } from '../../shared/runtime/clock.ts';

const CONNECT_MS = 10_000;
/** Logins at once: PostgreSQL makes a process for each, and the clients of the trial go on writing. */
const AT_ONCE = 5;

export class Bystanders {
  readonly #sessions: { readonly client: Client; endedMs: number | null }[] = [];

  static async open(connectionString: string, count: number): Promise<Bystanders> {
    const bystanders = new Bystanders();
    try {
      while (bystanders.#sessions.length < count) {
        const some = Array.from({ length: Math.min(AT_ONCE, count - bystanders.#sessions.length) });
        await Promise.all(some.map(async () => bystanders.#openOne(connectionString)));
      }
    } catch (error) {
      await bystanders.close();
      throw error;
    }
    return bystanders;
  }

  /** Of each, by the monotonic clock; null: it is there still. */
  endedMs(): readonly (number | null)[] {
    return this.#sessions.map(({ endedMs }) => endedMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map(async ({ client }) => client.end().catch(() => undefined)));
  }

  async #openOne(connectionString: string): Promise<void> {
    const client = new Client({ connectionString, connectionTimeoutMillis: CONNECT_MS });
    const session: { readonly client: Client; endedMs: number | null } = { client, endedMs: null };
    this.#sessions.push(session);
    const ended = (): void => {
      session.endedMs ??= monotonicMs();
    };
    // The reason comes first, then the end of the connection; whichever comes counts.
    client.on('error', ended).once('end', ended);
    await client.connect();
  }
}
