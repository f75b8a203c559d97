/**
 * T0: a new data directory, or the adoption of an existing one. Both end with a cleanly stopped server that has the control roles, and never
 * run one that listens: roles are made in single-user mode, so nobody can connect before the rules of pg_hba stand.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { extentPosition, type WalPosition } from '../../shared/domain/wal-position.ts';
import { appError } from '../../shared/errors.ts';
import { wasPrimary, wasStoppedCleanly, type ControlData } from './controldata.ts';
import { walDirectory, type LocalContext } from './context.ts';
import { ADOPTED_FILE, contentOf, prepareNew, swapIn } from './data-directory.ts';
import { readIfThere, writeDurably } from './files.ts';
import { SUPERUSER_ROLE } from './hba.ts';
import { historyIds } from './history-files.ts';
import { DONE_MARK, roleSql } from './role-sql.ts';
import { scramVerifier } from './scram.ts';
import { writeMarker } from './server-config.ts';
import { recordedSettings } from './settings.ts';
import { runTool, whyToolFailed } from './tools.ts';
import { readControlData, readStoppedExtent } from './wal-boundary.ts';

const INITDB_DEADLINE_MS = 300_000;
const SINGLE_DEADLINE_MS = 600_000;
const LOCALE_DEADLINE_MS = 5_000;
const SALT_BYTES = 16;

export type Made =
  | { readonly kind: 'done'; readonly systemId: string; readonly boundary: WalPosition }
  | { readonly kind: 'failed'; readonly code: string; readonly why: string };

export async function initialize(context: LocalContext, member: MemberId, signal: AbortSignal): Promise<Made> {
  const { dataDir } = context.config;
  const content = await contentOf(dataDir);
  if (content === 'postgres' || content === 'foreign') return { kind: 'failed', code: 'PGB-1312', why: `${dataDir} is not empty` };
  const fresh = await prepareNew(context);
  await initdb(context, fresh, signal);
  await makeRoles(context, fresh, signal);
  await writeMarker(fresh, member, context);
  const made = await describe(context, fresh, signal);
  await swapIn(fresh, dataDir);
  return made;
}

export async function adopt(context: LocalContext, member: MemberId, signal: AbortSignal): Promise<Made> {
  const { dataDir } = context.config;
  const version = (await readIfThere(join(dataDir, 'PG_VERSION')))?.trim();
  if (version === undefined) return { kind: 'failed', code: 'PGB-1106', why: `${dataDir} holds no PostgreSQL to adopt` };
  if (Number(version) !== context.majorVersion)
    return {
      kind: 'failed',
      code: 'PGB-1302',
      why: `${dataDir} is of version ${version}, the programs are ${String(context.majorVersion)}`,
    };
  const control = await controlOf(context, dataDir, signal);
  if (!wasStoppedCleanly(control)) return { kind: 'failed', code: 'PGB-1303', why: `the control file says: ${control.state}` };
  const newer = (await historyIds(walDirectory(dataDir))).find((id) => id > control.timeline);
  if (!wasPrimary(control) || newer !== undefined) {
    const why = newer === undefined ? 'it was a standby' : `it knows timeline ${String(newer)}, which left it behind`;
    return { kind: 'failed', code: 'PGB-1303', why: `${dataDir} was not the last primary: ${why}` };
  }
  await writeDurably(join(dataDir, ADOPTED_FILE), '', context.osUser);
  await rm(join(dataDir, 'standby.signal'), { force: true });
  await rm(join(dataDir, 'recovery.signal'), { force: true });
  await makeRoles(context, dataDir, signal);
  await writeMarker(dataDir, member, context);
  return describe(context, dataDir, signal);
}

async function initdb(context: LocalContext, directory: string, signal: AbortSignal): Promise<void> {
  const passwordFile = join(context.runDir, 'initdb-password');
  const segments = context.config.walSegmentSizeMb === null ? [] : [`--wal-segsize=${String(context.config.walSegmentSizeMb)}`];
  const locale = (await hasLocale(context, signal)) ? 'C.UTF-8' : 'C';
  await writeDurably(passwordFile, `${context.secrets.superuserPassword}\n`, context.osUser);
  try {
    const args = [
      '-D',
      directory,
      '-U',
      SUPERUSER_ROLE,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--data-checksums',
      '--encoding=UTF8',
      `--locale=${locale}`,
      ...segments,
    ];
    const why = whyToolFailed('initdb', await runTool(context, { tool: 'initdb', args, deadlineMs: INITDB_DEADLINE_MS, signal }));
    if (why !== null) throw appError('PGB-1312', why);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function makeRoles(context: LocalContext, directory: string, signal: AbortSignal): Promise<void> {
  const { secrets } = context;
  const verifier = (password: string): string => scramVerifier(password, randomBytes(SALT_BYTES));
  const sql = roleSql(
    {
      monitor: verifier(secrets.monitorPassword),
      replication: verifier(secrets.replicationPassword),
      rewind: verifier(secrets.rewindPassword),
    },
    context.majorVersion,
  );
  // An adopted server's own files may name standbys to wait for; nobody would ever answer a single-user server.
  const recorded = Object.entries(recordedSettings(context.config)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = [
    '--single',
    '-D',
    directory,
    ...recorded,
    '-c',
    'synchronous_standby_names=',
    '-c',
    'archive_mode=off',
    '-c',
    'log_statement=none',
    '-c',
    'log_min_error_statement=panic',
    'postgres',
  ];
  const result = await runTool(context, { tool: 'postgres', args, deadlineMs: SINGLE_DEADLINE_MS, signal, stdin: sql });
  const why = whyToolFailed('postgres --single', result);
  if (why !== null) throw appError('PGB-1312', why);
  const errors = result.stderr.split('\n').filter((line) => line.includes('ERROR:'));
  if (errors.length > 0 || result.kind !== 'ended' || !result.stdout.includes(DONE_MARK))
    throw appError('PGB-1312', `making the control roles: ${errors[0] ?? 'not all statements were carried out'}`);
}

async function describe(context: LocalContext, directory: string, signal: AbortSignal): Promise<Made> {
  const control = await controlOf(context, directory, signal);
  const extent = wasStoppedCleanly(control) ? await readStoppedExtent(context, directory, control, signal) : null;
  if (extent === null) throw appError('PGB-1312', `the end of the WAL in ${directory} is unknown (${control.state})`);
  return { kind: 'done', systemId: control.systemId, boundary: extentPosition(extent) };
}

async function controlOf(context: LocalContext, directory: string, signal: AbortSignal): Promise<ControlData> {
  const control = await readControlData(context, directory, signal);
  if (control === null) throw appError('PGB-1106', `the control file of ${directory} cannot be read`);
  return control;
}

// Asked of the program that will use it: initdb in a directory that cannot be made tells only about the locale it knows.
async function hasLocale(context: LocalContext, signal: AbortSignal): Promise<boolean> {
  const result = await runTool(context, {
    tool: 'initdb',
    args: ['--locale=C.UTF-8', '--version'],
    deadlineMs: LOCALE_DEADLINE_MS,
    signal,
  });
  return result.kind === 'ended' && result.code === 0;
}
