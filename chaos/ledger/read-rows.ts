/**
 * Reads the ledger's rows from one server, and refuses to read them from a server that is not a primary: a standby that replays late would
 * make rows look lost, and one that is ahead would hide that they are.
 */
import { assertPrimary, doorOf, withClient } from './door.ts';
import { CREATE_LEDGER } from './ledger.ts';
import type { Row } from './entry.ts';

/** Writers are numbered through; this is a run of theirs. */
export type WriterRange = { readonly from: number; readonly below: number };

const EVERYBODY: WriterRange = { from: 0, below: 2_147_483_647 };

export async function createLedgerTable(connectionString: string): Promise<void> {
  await withClient(connectionString, (client) => client.query(CREATE_LEDGER));
}

export async function readLedgerRows(connectionString: string, range: WriterRange = EVERYBODY): Promise<readonly Row[]> {
  return withClient(connectionString, async (client) => {
    await assertPrimary(doorOf(client));
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
