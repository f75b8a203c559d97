/**
 * Sessions that have logged in, set something, and then do nothing, as those of an application's pool. Each is asked now and then whether it is still
 * what it was. It must never connect one anew: that one ended is what is counted.
 */
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import type { Entrance } from './ground.ts';
import type { IdleCount } from './figures.ts';

const CONNECT_MS = 10_000;
const ANSWER_MS = 10_000;
/** Logins at once: PostgreSQL makes a process for each, and the measurement is to begin on a quiet machine. */
const AT_ONCE = 8;

type Session = { readonly client: Client; readonly number: number; server: number; isCut: boolean };

export class IdleSessions {
  readonly #sessions: readonly Session[];

  private constructor(sessions: readonly Session[]) {
    this.#sessions = sessions;
  }

  static async open(entrance: Entrance, count: number): Promise<IdleSessions> {
    const sessions: Session[] = [];
    try {
      for (let number = 0; number < count; number += AT_ONCE) {
        const some = Array.from({ length: Math.min(AT_ONCE, count - number) }, (_, at) => openOne(entrance, number + at, sessions));
        await Promise.all(some);
      }
    } catch (error) {
      await new IdleSessions(sessions).close();
      throw error;
    }
    return new IdleSessions(sessions);
  }

  /** What has become of those that were well when they were asked last. */
  async count(): Promise<IdleCount> {
    const counts = { moved: 0, stayed: 0, cut: 0 };
    await Promise.all(
      this.#sessions
        .filter(({ isCut }) => !isCut)
        .map(async (session) => {
          const server = await serverOf(session);
          if (server === null) counts.cut += 1;
          else if (server === session.server) counts.stayed += 1;
          else counts.moved += 1;
          session.isCut = server === null;
          session.server = server ?? session.server;
        }),
    );
    return counts;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map(async ({ client }) => client.end().catch(() => undefined)));
  }
}

async function openOne({ host, port, user, password, database, caFile }: Entrance, number: number, into: Session[]): Promise<void> {
  const client = new Client({
    ...{ host, port, user, password, database },
    ssl: caFile === null ? false : { ca: readFileSync(caFile, 'utf8') },
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
  });
  // A session that is cut says so twice; that it does not answer is what is counted.
  client.on('error', () => undefined);
  await client.connect();
  const session: Session = { client, number, server: 0, isCut: false };
  into.push(session);
  await client.query(`SET bench.number = '${String(number)}'`);
  session.server = (await serverOf(session)) ?? 0;
}

/** The port of the server behind it; null when it does not answer, or has forgotten what it was told. */
async function serverOf({ client, number }: Session): Promise<number | null> {
  try {
    const { rows } = await client.query<{ port: number; told: string | null }>(
      "SELECT inet_server_port() AS port, current_setting('bench.number', true) AS told",
    );
    return rows[0] !== undefined && rows[0].told === String(number) ? rows[0].port : null;
  } catch {
    // Whatever the reason: its client would have to connect anew.
    return null;
  }
}
