/** Single questions to a server, before the clients of a trial begin and after they have ended; each with a deadline and a session of its own. */
import { Client } from 'pg';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 30_000;

export type Door = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

export async function withClient<Value>(connectionString: string, use: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    application_name: 'pgbaton-chaos-check',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function withDoor<Value>(connectionString: string, use: (ask: Door) => Promise<Value>): Promise<Value> {
  return withClient(connectionString, async (client) => use(doorOf(client)));
}

export function doorOf(client: Client): Door {
  return async (text, values = []) => (await client.query<Record<string, unknown>>(text, [...values])).rows;
}

/** A standby that replays late would make rows look lost, and one that is ahead would hide that they are. */
export async function assertPrimary(ask: Door): Promise<void> {
  const [row] = await ask('SELECT pg_is_in_recovery() AS standby');
  if (typeof row !== 'object' || row === null || !('standby' in row) || row.standby !== false) {
    throw new Error('the server the rows should be read from is not a primary');
  }
}
