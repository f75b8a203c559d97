/** So many sessions that PostgreSQL lets nobody in any more: an application whose connection pool leaks. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { sqlStateOf } from '../ledger/classify.ts';
import type { Fault } from './fault.ts';
import { directUri, type Ground } from './ground.ts';

const TOO_MANY = '53300';
/** Far above any max_connections of a local cluster. */
const SESSIONS_MAX = 2_000;
const CONNECT_MS = 5_000;
const ROLE = 'pgbaton_chaos_guest';

export function exhaustConnections(ground: Pick<Ground, 'plan' | 'uri'>, node: string): Fault {
  const sessions: Client[] = [];
  return {
    name: `exhaust the connections of ${node}`,
    leaves: 'a wound',
    strike: async () => {
      const uri = await makeGuest(ground, node);
      for (let count = 0; count < SESSIONS_MAX; count += 1) {
        const session = await open(uri);
        if (session === null) return `${String(sessions.length)} idle sessions, and ${node} lets no application in any more`;
        sessions.push(session);
      }
      throw new Error(`${node} let ${String(SESSIONS_MAX)} sessions in`);
    },
    heal: async () => {
      await Promise.all(sessions.splice(0).map(async (session) => session.end().catch(() => undefined)));
    },
  };
}

/** Null when the server says that there are too many. */
async function open(uri: string): Promise<Client | null> {
  const session = new Client({ connectionString: uri, connectionTimeoutMillis: CONNECT_MS });
  session.on('error', () => undefined);
  try {
    await session.connect();
    return session;
  } catch (error) {
    if (sqlStateOf(error) === TOO_MANY) return null;
    throw error;
  }
}

/** Superusers have connections in reserve, so the crowd is made of ordinary users. */
async function makeGuest(ground: Pick<Ground, 'plan' | 'uri'>, node: string): Promise<string> {
  const uri = new URL(directUri(ground, node));
  const password = randomBytes(16).toString('hex');
  const client = new Client({ connectionString: uri.href, connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`DROP ROLE IF EXISTS ${ROLE}; CREATE ROLE ${ROLE} LOGIN PASSWORD '${password}'`);
  } finally {
    await client.end();
  }
  uri.username = ROLE;
  uri.password = password;
  return uri.href;
}
