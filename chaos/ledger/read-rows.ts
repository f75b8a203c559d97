/**
 * Reads the ledger's rows from one server, and refuses to read them from a server that is not a primary: a standby that replays late would
 * make rows look lost, and one that is ahead would hide that they are.
 */
import { Client } from 'pg';
import { CREATE_LEDGER } from './ledger.ts';
import type { Row } from './entry.ts';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 30_000;

/** Writers are numbered through; this is a run of theirs. */
export type WriterRange = { readonly from: number; readonly below: number };

const EVERYBODY: WriterRange = { from: 0, below: 2_147_483_647 };

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

export async function readLedgerRows(connectionString: string, range: WriterRange = EVERYBODY): Promise<readonly Row[]> {
  return withClient(connectionString, async (client) => {
    const role = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (role.rows[0]?.standby !== false) throw new Error('the server the rows should be read from is not a primary');
    const { rows } = await client.query<Row>('SELECT writer, seq FROM pgbaton_ledger WHERE writer >= $1 AND writer < $2', [
      range.from,
      range.below,
    ]);
    return rows;
  });
}

/** How many rows there are of writers below a number: those of earlier trials. */
export async function countEarlierRows(connectionString: string, below: number): Promise<number> {
  return withClient(connectionString, async (client) => {
    const { rows } = await client.query<{ rows: number }>('SELECT count(*)::int AS rows FROM pgbaton_ledger WHERE writer < $1', [below]);
    return rows[0]?.rows ?? 0;
  });
}

/** The content of one server in one word, and how far it has come: equal words mean equal rows. */
export type Digest = { readonly standby: boolean; readonly rows: number; readonly word: string };

export async function readLedgerDigest(connectionString: string): Promise<Digest> {
  return withClient(connectionString, async (client) => {
    const { rows } = await client.query<Digest>(
      `SELECT pg_is_in_recovery() AS standby, count(*)::int AS rows,
              coalesce(bit_xor(hashtextextended(writer || ':' || seq, 0)), 0)::text AS word FROM pgbaton_ledger`,
    );
    const [digest] = rows;
    if (digest === undefined) throw new Error('no digest was returned');
    return digest;
  });
}
