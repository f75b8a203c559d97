/**
 * Roles and databases with a `synchronous_commit` of their own, read from the server. Reads only. It looks in a session of its own: a look that hangs
 * must not cost the session that the decisions live on.
 */
import type { ControlSession, Row } from './control-connection.ts';
import type { LocalServer } from './local-server.ts';
import { text } from './observe.ts';
import type { CommitOverride } from './port.ts';

/** More than anybody reads in an alarm; bounds what a broken catalog can do. */
const ROWS_MAX = 100;

const OVERRIDES_SQL = `
  select r.rolname as role, d.datname as database, split_part(setting, '=', 2) as value
  from pg_db_role_setting s
    cross join unnest(s.setconfig) as setting
    left join pg_roles r on r.oid = s.setrole
    left join pg_database d on d.oid = s.setdatabase
  where lower(split_part(setting, '=', 1)) = 'synchronous_commit'
  order by 1 nulls first, 2 nulls first
  limit ${String(ROWS_MAX)}`;

/** Null: nobody can tell at present. */
export async function readCommitOverrides(server: LocalServer, deadlineMs: number): Promise<readonly CommitOverride[] | null> {
  let session: ControlSession | null = null;
  try {
    session = await server.freshSession(deadlineMs);
    return (await session.query(OVERRIDES_SQL, deadlineMs)).map(overrideOf);
  } catch {
    // Starting, full, gone: all of them have alarms of their own.
    return null;
  } finally {
    session?.destroy();
  }
}

function overrideOf(row: Row): CommitOverride {
  return { role: text(row, 'role'), database: text(row, 'database'), value: text(row, 'value') ?? '' };
}
