/**
 * The control roles as SQL for a single-user server (pure): one statement to a line, repeatable, passwords only as verifiers. Each role can do
 * what its name says and no more.
 */
import { MONITOR_ROLE, REPLICATION_ROLE, REWIND_ROLE } from './hba.ts';

export type Verifiers = { readonly monitor: string; readonly replication: string; readonly rewind: string };

/** From 15 on a role may be allowed to checkpoint; before, a function of the superuser does it. */
const CHECKPOINT_ROLE_SINCE = 15;
const CHECKPOINT_FUNCTION = 'pgbaton_checkpoint';
const VERIFIER_FUNCTION = 'pgbaton_verifier';

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
    ...verifierRights(),
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

/** One row with the verifier of the role `$1`; null when it has none, has expired or may not log in. */
export function verifierSql(): string {
  return `SELECT public.${VERIFIER_FUNCTION}($1) AS verifier`;
}

/**
 * One verifier at a time and by name: less than a right to read pg_authid would give. The owner is set because somebody else may have made a
 * function of that name before.
 */
function verifierRights(): readonly string[] {
  const signature = `public.${VERIFIER_FUNCTION}(text)`;
  const body = `SELECT a.rolpassword FROM pg_catalog.pg_authid a WHERE a.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND pg_catalog.octet_length($1) OPERATOR(pg_catalog.<) 64 AND a.rolcanlogin AND (a.rolvaliduntil IS NULL OR a.rolvaliduntil OPERATOR(pg_catalog.>) pg_catalog.now())`;
  return [
    `CREATE OR REPLACE FUNCTION ${signature} RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ ${body} $$`,
    `ALTER FUNCTION ${signature} OWNER TO CURRENT_USER`,
    `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${signature} TO ${MONITOR_ROLE}`,
  ];
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
