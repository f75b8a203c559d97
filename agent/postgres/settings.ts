/**
 * The whole postgresql.conf as text (pure). Order decides: the operator's own file, defaults that may be raised, the operator's parameters,
 * then what pgbaton owns. What was rendered from stands in the first line, so that an agent that restarts beside a running server knows it.
 */
import { z } from 'zod';
import { unreachable } from '../../shared/assert.ts';
import type { NodePostgresConfig } from '../../shared/config/node-config.ts';
import { epoch } from '../../shared/domain/epoch.ts';
import type { Follow, SyncSetting } from './port.ts';
import { parseSync, renderSync } from './sync-names.ts';

/** Whom a standby follows, and where that one was found. Without addresses PostgreSQL asks for the name itself (host-addresses.ts says what that costs). */
export type Attachment = Follow & { readonly addresses: readonly string[] };

/** The part of the settings that changes while the server lives. */
export type Rendered = {
  readonly sync: SyncSetting;
  /** Null: attached to nobody. */
  readonly follow: Attachment | null;
  readonly open: boolean;
  /** The empty list was in force, and no commit has been seen waiting since. */
  readonly leavingEmpty: boolean;
};

export const INITIAL: Rendered = { sync: { kind: 'placeholder' }, follow: null, open: false, leavingEmpty: false };

export type SettingsInput = {
  readonly config: NodePostgresConfig;
  readonly name: string;
  readonly majorVersion: number;
  readonly runDir: string;
  /** The member id this directory streams as; null when the directory has no marker yet. */
  readonly applicationName: string | null;
  readonly passfile: (follow: Follow) => string;
};

const STATE_LINE = '# pgbaton ';

/** Client parameters may raise these. A logical level costs little and lets consumers attach without a restart. */
const RAISABLE: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_wal_senders: '16',
  max_replication_slots: '16',
  superuser_reserved_connections: '5',
  wal_keep_size: '1GB',
  max_slot_wal_keep_size: '4GB',
};

/**
 * Of a standby that follows somebody. At every new timeline its receiver makes a segment of its own, and until that is there nothing counts as flushed: filled
 * with zeros beforehand it costs 16 MB of writing and a sync, while all clients wait for exactly this standby. A primary goes on filling its segments, so that
 * no commit has to allocate.
 */
const OF_FOLLOWER: Readonly<Record<string, string>> = { wal_init_zero: 'off' };

const OWNED: Readonly<Record<string, string>> = {
  synchronous_commit: 'on',
  fsync: 'on',
  full_page_writes: 'on',
  wal_log_hints: 'on',
  restart_after_crash: 'off',
  password_encryption: 'scram-sha-256',
  default_transaction_read_only: 'off',
  hot_standby: 'on',
  hot_standby_feedback: 'on',
  max_standby_streaming_delay: '3s',
  max_standby_archive_delay: '3s',
  recovery_min_apply_delay: '0',
  restore_command: '',
  recovery_end_command: '',
  archive_cleanup_command: '',
  recovery_target: '',
  recovery_target_lsn: '',
  recovery_target_name: '',
  recovery_target_time: '',
  recovery_target_xid: '',
  recovery_target_timeline: 'latest',
  wal_retrieve_retry_interval: '100ms',
  wal_receiver_timeout: '3s',
  wal_sender_timeout: '3s',
  wal_receiver_status_interval: '1s',
  tcp_user_timeout: '5s',
};

/** Set by us at one time or another: removed from postgresql.auto.conf, which would win over everything here. */
const OWNED_ELSEWHERE = [
  'synchronous_standby_names',
  'primary_conninfo',
  'primary_slot_name',
  'listen_addresses',
  'port',
  'unix_socket_directories',
  'cluster_name',
  'promote_trigger_file',
  'archive_command',
  'archive_library',
  'recovery_target_inclusive',
  'recovery_target_action',
  'idle_replication_slot_timeout',
];

const ARCHIVING = ['archive_command', 'archive_library'] as const;

/** Recorded in the control file and compared by every standby that starts: a directory made with larger ones would not come up as a standby. */
const RECORDED = [
  'wal_level',
  'wal_log_hints',
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
] as const;

/** What the running server will have for them, where that is not PostgreSQL's default. */
export function recordedSettings(config: NodePostgresConfig): Readonly<Record<string, string>> {
  return Object.fromEntries(
    RECORDED.flatMap((name) => {
      const value = OWNED[name] ?? config.parameters[name] ?? RAISABLE[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

export function renderSettings(rendered: Rendered, input: SettingsInput): string {
  const { config } = input;
  const { archive_command: _command, archive_library: _library, ...parameters } = config.parameters;
  const owned: Readonly<Record<string, string>> = {
    ...OWNED,
    // Unknown from 16 on, and an unknown name would make PostgreSQL ignore every later reload.
    ...(input.majorVersion < 16 ? { promote_trigger_file: '' } : {}),
    ...(input.majorVersion >= 18 ? { idle_replication_slot_timeout: '0' } : {}),
    listen_addresses: config.listenAddresses,
    port: String(config.port),
    unix_socket_directories: input.runDir,
    cluster_name: input.name,
    ...archiving(rendered.open, input),
    synchronous_standby_names: renderSync(rendered.sync),
    primary_conninfo:
      rendered.follow === null || input.applicationName === null
        ? ''
        : renderConninfo(rendered.follow, input.applicationName, input.passfile(rendered.follow)),
    primary_slot_name: rendered.follow === null ? '' : rendered.follow.slot,
  };
  const include = config.baseConfigFile === null ? [] : [`include_if_exists = ${quoteSetting(config.baseConfigFile)}`];
  return [
    `${STATE_LINE}${encodeRendered(rendered)}`,
    '# Written by pgbaton; changes made here are lost.',
    ...include,
    ...lines(RAISABLE),
    ...lines(rendered.follow === null ? {} : OF_FOLLOWER),
    ...lines(parameters),
    ...lines(owned),
    '',
  ].join('\n');
}

/** What comes most often next, and is waited for most: a standby is cut from its source, clients are kept out or let in. */
export function likelyNext(rendered: Rendered): Rendered {
  return rendered.follow === null ? { ...rendered, open: !rendered.open } : { ...rendered, follow: null };
}

/** What the file was rendered from; null when it is not one of ours. */
export function parseRendered(text: string): Rendered | null {
  const [first = ''] = text.split('\n', 1);
  if (!first.startsWith(STATE_LINE)) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(first.slice(STATE_LINE.length));
  } catch {
    // A damaged first line is the same as none: the settings are rendered anew from the initial ones.
    return null;
  }
  const parsed = renderedSchema.safeParse(raw);
  if (!parsed.success) return null;
  const sync = parseSync(parsed.data.sync);
  const { follow } = parsed.data;
  if (sync === null) return null;
  return {
    sync,
    follow: follow === null ? null : { ...follow, epoch: epoch(BigInt(follow.epoch)) },
    open: parsed.data.open,
    leavingEmpty: parsed.data.leavingEmpty,
  };
}

/** postgresql.auto.conf without the lines that would overrule ours. Null: nothing to change. */
export function stripOwned(autoConf: string): string | null {
  const owned = new Set([...Object.keys(OWNED), ...OWNED_ELSEWHERE]);
  const kept = autoConf.split('\n').filter((line) => !owned.has((/^\s*([A-Za-z_.]+)/.exec(line)?.[1] ?? '').toLowerCase()));
  const text = kept.join('\n');
  return text === autoConf ? null : text;
}

/** With several addresses the name stands as often as they do: the password file and certificates go by the name. */
export function renderConninfo(follow: Attachment, applicationName: string, passfile: string): string {
  const { addresses } = follow;
  return connectionString({
    user: 'pgbaton_replication',
    host: addresses.length === 0 ? follow.host : addresses.map(() => follow.host).join(','),
    ...(addresses.length === 0 ? {} : { hostaddr: addresses.join(',') }),
    port: String(follow.port),
    application_name: applicationName,
    passfile,
    connect_timeout: '2',
    keepalives_idle: '2',
    keepalives_interval: '1',
    keepalives_count: '3',
    tcp_user_timeout: '3000',
    sslmode: 'prefer',
  });
}

/** libpq's keyword = 'value' form. */
export function connectionString(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([keyword, value]) => `${keyword}='${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
    .join(' ');
}

export function quoteSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/**
 * Two writers of one archive name corrupt the archive, so archiving begins when this node is known to be the only one: with `open`. Until
 * then an empty command keeps the segments.
 */
function archiving(open: boolean, { config, majorVersion }: SettingsInput): Readonly<Record<string, string>> {
  const known = ARCHIVING.filter((name) => name !== 'archive_library' || majorVersion >= 15);
  return Object.fromEntries(
    known.flatMap((name) => {
      const wanted = config.parameters[name];
      if (!open) return [[name, '']];
      return wanted === undefined ? [] : [[name, wanted]];
    }),
  );
}

function lines(settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).map(([name, value]) => `${name} = ${quoteSetting(value)}`);
}

const renderedSchema = z.strictObject({
  sync: z.string(),
  follow: z
    .strictObject({
      epoch: z.string().regex(/^\d{1,20}$/),
      host: z.string(),
      port: z.int(),
      slot: z.string(),
      addresses: z.array(z.string()).default([]),
    })
    .nullable(),
  open: z.boolean(),
  leavingEmpty: z.boolean(),
});

function encodeRendered({ sync, follow, open, leavingEmpty }: Rendered): string {
  const { host, port, slot, addresses } = follow ?? {};
  return JSON.stringify({
    sync: renderSync(sync),
    follow: follow === null ? null : { epoch: follow.epoch.toString(), host, port, slot, addresses },
    open,
    leavingEmpty,
  });
}

/** Two settings that stand in the file as the same text. */
export function sameSync(a: SyncSetting, b: SyncSetting): boolean {
  return renderSync(a) === renderSync(b);
}

/** Does a commit have to wait for somebody under this setting? */
export function makesCommitsWait(setting: SyncSetting): boolean {
  switch (setting.kind) {
    case 'no-wait':
      return false;
    case 'placeholder':
    case 'any':
    case 'first':
      return true;
    default:
      return unreachable(setting);
  }
}
