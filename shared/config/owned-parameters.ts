/**
 * PostgreSQL settings that belong to pgbaton. A client's value for one of them would undo a safety rule or a time bound, so it is refused with
 * the reason instead of being overruled in silence. The second table holds settings a client may raise but not lower.
 */

/** Name → why it is ours. */
export const PARAMETER_OWNERSHIP: Readonly<Record<string, string>> = {
  synchronous_standby_names: 'it is the durability set of the leader record',
  synchronous_commit: 'with less than `on` a commit is acknowledged before a standby has it',
  fsync: 'without it a crash loses acknowledged commits',
  full_page_writes: 'without it a crash can leave torn pages',
  wal_log_hints: 'pg_rewind needs it to bring an old leader back',
  restart_after_crash: 'a postmaster that restarts by itself would serve without a valid leadership',
  primary_conninfo: 'it says whom this standby follows, and is emptied to cut an old leader off',
  primary_slot_name: 'slots are made and named by pgbaton',
  hot_standby: 'a standby must answer to be compared',
  hot_standby_feedback: 'replay conflicts would delay a promotion',
  max_standby_streaming_delay: 'replay conflicts would delay a promotion',
  max_standby_archive_delay: 'replay conflicts would delay a promotion',
  recovery_min_apply_delay: 'a delayed standby cannot be promoted in time',
  restore_command: 'a promotion would wait for an archive',
  recovery_end_command: 'it would hold up a promotion',
  archive_cleanup_command: 'it would remove WAL that a rejoin needs',
  promote_trigger_file: 'only the elected node may promote',
  recovery_target: 'a member follows the newest timeline to its end',
  recovery_target_action: 'a member follows the newest timeline to its end',
  recovery_target_inclusive: 'a member follows the newest timeline to its end',
  recovery_target_lsn: 'a member follows the newest timeline to its end',
  recovery_target_name: 'a member follows the newest timeline to its end',
  recovery_target_time: 'a member follows the newest timeline to its end',
  recovery_target_timeline: 'a member follows the newest timeline to its end',
  recovery_target_xid: 'a member follows the newest timeline to its end',
  wal_retrieve_retry_interval: 'it bounds how soon a standby attaches to a new leader',
  wal_receiver_timeout: 'it bounds how long a half-open link counts as alive',
  wal_sender_timeout: 'it bounds how long a half-open link counts as alive',
  wal_receiver_status_interval: 'it bounds how long a commit waits after the durability set changed',
  tcp_user_timeout: 'it bounds how long a dead peer holds a commit',
  idle_replication_slot_timeout: 'it would drop the slot of a member that is away',
  default_transaction_read_only: 'the write probe and every application would see a leader that refuses writes',
  listen_addresses: 'use postgres.listenAddresses',
  port: 'use postgres.port',
  unix_socket_directories: 'the agent reaches the server through its own socket directory',
  data_directory: 'use postgres.dataDir',
  config_file: 'pgbaton writes the configuration',
  hba_file: 'use postgres.hba',
  ident_file: 'pgbaton writes the configuration',
  external_pid_file: 'pgbaton finds the server by its data directory',
  include: 'use postgres.baseConfigFile',
  include_dir: 'use postgres.baseConfigFile',
  include_if_exists: 'use postgres.baseConfigFile',
};

export const OWNED_PARAMETERS: readonly string[] = Object.keys(PARAMETER_OWNERSHIP);

/** Settings that may be raised. Lower values would leave no connection for replication, for slots of every member, or for the agent. */
export const PARAMETER_FLOORS: Readonly<Record<string, number>> = {
  max_wal_senders: 10,
  max_replication_slots: 10,
  superuser_reserved_connections: 5,
};

export const WAL_LEVELS: readonly string[] = ['replica', 'logical'];

const PARAMETER_NAME = /^[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)?$/i;

/** What is wrong with one client setting, or null. */
export function parameterFault(name: string, value: string): string | null {
  const lower = name.toLowerCase();
  if (!PARAMETER_NAME.test(name)) return `\`${name}\` is not a PostgreSQL setting's name`;
  const why = Object.hasOwn(PARAMETER_OWNERSHIP, lower) ? PARAMETER_OWNERSHIP[lower] : undefined;
  if (why !== undefined) return `${lower} belongs to pgbaton and cannot be set here: ${why}`;
  const floor = Object.hasOwn(PARAMETER_FLOORS, lower) ? PARAMETER_FLOORS[lower] : undefined;
  if (floor !== undefined && !(/^\d+$/.test(value) && Number(value) >= floor)) return `${lower} must be at least ${String(floor)}`;
  if (lower === 'wal_level' && !WAL_LEVELS.includes(value)) return `wal_level must be one of ${WAL_LEVELS.join(', ')}`;
  // A line break would smuggle further settings into the file that is written from this.
  return hasControlCharacter(value) ? `${lower} must be one line` : null;
}

export function hasControlCharacter(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what this looks for
  return /[\x00-\x08\x0a-\x1f\x7f]/.test(text);
}
