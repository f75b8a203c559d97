/**
 * Reads the ledger's rows from one server, and refuses to read them from a server that is not a primary: a standby that replays late would
 * make rows look lost, and one that is ahead would hide that they are.
 */
import { Client } from 'pg';
import { CREATE_LEDGER } from './ledger.ts';
import type { Row } from './entry.ts';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 30_000;

async function withClient<T>(connectionString: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    application_name: 'pgbaton-ledger-check',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function createLedgerTable(connectionString: string): Promise<void> {
  await withClient(connectionString, (client) => client.query(CREATE_LEDGER));
}

export async function readLedgerRows(connectionString: string): Promise<readonly Row[]> {
  return withClient(connectionString, async (client) => {
    const role = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (role.rows[0]?.standby !== false) throw new Error('the server the rows should be read from is not a primary');
    const { rows } = await client.query<Row>('SELECT writer, seq FROM pgbaton_ledger');
    return rows;
  });
}
