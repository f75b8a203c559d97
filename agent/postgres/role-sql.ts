/**
 * The control roles as SQL for a single-user server (pure): one statement to a line, repeatable, passwords only as verifiers. Each role can do
 * what its name says and no more.
 */
import { MONITOR_ROLE, REPLICATION_ROLE, REWIND_ROLE } from './hba.ts';

export type Verifiers = { readonly monitor: string; readonly replication: string; readonly rewind: string };

/** From 15 on a role may be allowed to checkpoint; before, a function of the superuser does it. */
const CHECKPOINT_ROLE_SINCE = 15;
const CHECKPOINT_FUNCTION = 'pgbaton_checkpoint';

export function roleSql(verifiers: Verifiers, majorVersion: number): string {
  const statements = [
    ...role(MONITOR_ROLE, 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', verifiers.monitor),
    ...role(REPLICATION_ROLE, 'LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE', verifiers.replication),
    ...role(REWIND_ROLE, 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', verifiers.rewind),
    `GRANT pg_monitor, pg_signal_backend TO ${MONITOR_ROLE}`,
    `GRANT EXECUTE ON FUNCTION pg_catalog.pg_wal_replay_resume() TO ${MONITOR_ROLE}`,
    `GRANT SELECT ON pg_catalog.pg_file_settings TO ${MONITOR_ROLE}`,
    `GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO ${MONITOR_ROLE}`,
    ...[
      'pg_ls_dir(text, boolean, boolean)',
      'pg_stat_file(text, boolean)',
      'pg_read_binary_file(text)',
      'pg_read_binary_file(text, bigint, bigint, boolean)',
    ].map((signature) => `GRANT EXECUTE ON FUNCTION pg_catalog.${signature} TO ${REWIND_ROLE}`),
    ...checkpointRights(majorVersion),
  ];
  // An error in single-user mode does not end the server; the caller looks for the last line.
  return [...statements, `SELECT '${DONE_MARK}' AS roles`].map((statement) => `${statement};\n`).join('');
}

/** Printed when every statement was reached. */
export const DONE_MARK = 'pgbaton-roles-made';

export function checkpointSql(majorVersion: number): string {
  return majorVersion >= CHECKPOINT_ROLE_SINCE ? 'CHECKPOINT' : `SELECT public.${CHECKPOINT_FUNCTION}()`;
}

function role(name: string, attributes: string, verifier: string): readonly string[] {
  return [
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name}; END IF; END $$`,
    `ALTER ROLE ${name} WITH ${attributes} PASSWORD '${verifier}' VALID UNTIL 'infinity'`,
    `ALTER ROLE ${name} RESET ALL`,
  ];
}

function checkpointRights(majorVersion: number): readonly string[] {
  if (majorVersion >= CHECKPOINT_ROLE_SINCE) return [`GRANT pg_checkpoint TO ${MONITOR_ROLE}, ${REWIND_ROLE}`];
  return [
    `CREATE OR REPLACE FUNCTION public.${CHECKPOINT_FUNCTION}() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN EXECUTE 'CHECKPOINT'; END $$`,
    `REVOKE ALL ON FUNCTION public.${CHECKPOINT_FUNCTION}() FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION public.${CHECKPOINT_FUNCTION}() TO ${MONITOR_ROLE}, ${REWIND_ROLE}`,
  ];
}
