/**
 * Physical slots for every member on every node, so that whoever is promoted still has the WAL the others need. On a standby they are moved
 * along to where the primary's are; a slot that nobody moves keeps WAL for ever.
 */
import { formatLsn, parseLsn, type Lsn } from '../../shared/domain/lsn.ts';
import { ControlSession, type Row } from './control-connection.ts';
import { REPLICATION_ROLE } from './hba.ts';
import { DONE, failed, type LocalServer } from './local-server.ts';
import { text } from './observe.ts';
import type { Follow, Outcome } from './port.ts';

const QUERY_DEADLINE_MS = 2_000;
const CONNECT_DEADLINE_MS = 2_000;
const DUPLICATE_OBJECT = '42710';
const OUR_SLOT = /^pgbaton_[a-z0-9_]+$/;
const READ_SLOT_VERSION = 150_000;

export async function keepSlots(server: LocalServer, wanted: readonly string[], signal: AbortSignal): Promise<Outcome> {
  const session = await server.replicationSession(signal);
  try {
    const rows = await session.query(
      "select slot_name as name, active::text as active, restart_lsn::text as restart, wal_status as status from pg_replication_slots where slot_type = 'physical'",
      QUERY_DEADLINE_MS,
    );
    const present = new Map(rows.map((row) => [text(row, 'name') ?? '', row]));
    for (const name of wanted) {
      // A slot that lost its WAL never gets it back; its member is cloned again and needs a new one.
      if (isLost(present.get(name))) await dropSlot(session, name);
      if (!present.has(name) || isLost(present.get(name)))
        await session.query('select pg_create_physical_replication_slot($1, true)', QUERY_DEADLINE_MS, [name]);
    }
    for (const [name, row] of present)
      if (OUR_SLOT.test(name) && !wanted.includes(name) && text(row, 'active') === 'false') await dropSlot(session, name);
    const { follow } = server.config.rendered;
    if (follow !== null)
      await advance(
        server,
        session,
        follow,
        wanted.filter((name) => present.has(name)),
        signal,
      );
    return DONE;
  } finally {
    session.destroy();
  }
}

/** A slot on another server, made before anybody points at it. */
export async function ensureSlotAt(server: LocalServer, source: Follow, signal: AbortSignal): Promise<Outcome> {
  const session = await walsenderSession(server, source, signal);
  try {
    await session.query(`CREATE_REPLICATION_SLOT "${source.slot}" PHYSICAL RESERVE_WAL`, QUERY_DEADLINE_MS);
    return DONE;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === DUPLICATE_OBJECT) return DONE;
    return failed(
      'PGB-1310',
      `the slot ${source.slot} cannot be made on ${source.host}: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    session.destroy();
  }
}

/** A session of the replication protocol on the node one follows. */
export async function walsenderSession(server: LocalServer, source: Follow, signal: AbortSignal): Promise<ControlSession> {
  const { replicationPassword } = server.context.secrets;
  return ControlSession.open(
    {
      host: source.host,
      port: source.port,
      user: REPLICATION_ROLE,
      password: replicationPassword,
      database: 'postgres',
      applicationName: 'pgbaton',
      replication: true,
    },
    CONNECT_DEADLINE_MS,
    signal,
  );
}

async function advance(
  server: LocalServer,
  session: ControlSession,
  source: Follow,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const [version] = await session.query(
    "select current_setting('server_version_num') as num, pg_is_in_recovery()::text as standby",
    QUERY_DEADLINE_MS,
  );
  if (version === undefined || text(version, 'standby') !== 'true' || Number(text(version, 'num')) < READ_SLOT_VERSION) return;
  const primary = await walsenderSession(server, source, signal);
  try {
    const restarts = new Map<string, Lsn>();
    for (const name of [...names, source.slot]) {
      const [slot] = await primary.query(`READ_REPLICATION_SLOT "${name}"`, QUERY_DEADLINE_MS);
      const restart = slot === undefined ? null : parseLsn(text(slot, 'restart_lsn') ?? '');
      if (restart !== null) restarts.set(name, restart);
    }
    // The primary has no slot for itself; should it ever follow us, it needs no more than its slowest follower does now.
    const slowest = [...restarts.values()].reduce<Lsn | null>((least, one) => (least === null || one < least ? one : least), null);
    for (const name of names) {
      const restart = restarts.get(name) ?? slowest;
      if (restart !== null) await advanceOne(session, name, restart);
    }
  } finally {
    primary.destroy();
  }
}

async function advanceOne(session: ControlSession, name: string, restart: Lsn): Promise<void> {
  // Only forwards, and only while nobody streams through it: everything else is an error, and none of them matters.
  await session.query(
    'select pg_replication_slot_advance(slot_name, $2::pg_lsn) from pg_replication_slots where slot_name = $1 and not active and restart_lsn < $2::pg_lsn',
    QUERY_DEADLINE_MS,
    [name, formatLsn(restart)],
  );
}

async function dropSlot(session: ControlSession, name: string): Promise<void> {
  await session.query('select pg_drop_replication_slot($1)', QUERY_DEADLINE_MS, [name]);
}

function isLost(row: Row | undefined): boolean {
  return row !== undefined && text(row, 'status') === 'lost';
}
