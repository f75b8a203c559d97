/**
 * A former primary whose WAL went astray becomes a copy of the leader again by pg_rewind. Before anything is touched, the diverged tail is
 * archived and listed. "Exit code 0" is never proof: the result is compared with the source's own history. On any doubt the answer is
 * `failed`, and a clone follows. The caller has written "rebuilding" into the node file: a half-done rewind looks like a clean old primary.
 */
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { formatLsn, lsn, parseLsn, type Lsn } from '../../shared/domain/lsn.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { parseHistoryFile, rootHistory, timelineId, type TimelineHistory } from '../../shared/domain/timeline.ts';
import { contains, extentPosition, type WalExtent, type WalPosition } from '../../shared/domain/wal-position.ts';
import { wallClockIso } from '../../shared/runtime/clock.ts';
import { describeRemains, parsePidFile, realDirectory, remainsOf } from '../guard/process-tree.ts';
import { ControlSession } from './control-connection.ts';
import { wasPrimary, type ControlData } from './controldata.ts';
import { configFilePath, walDirectory, type LocalContext } from './context.ts';
import { readIfThere, syncDirectory, writeDurably } from './files.ts';
import { REWIND_ROLE } from './hba.ts';
import { removeHistoryAbove } from './history-files.ts';
import { DONE, failed, type LocalServer } from './local-server.ts';
import { text } from './observe.ts';
import { writePassfile } from './passfile.ts';
import type { Follow, Outcome } from './port.ts';
import { checkpointSql } from './role-sql.ts';
import { stripAutoConf, writeMarker } from './server-config.ts';
import { connectionString } from './settings.ts';
import { walsenderSession } from './slots.ts';
import { runTool, whyToolFailed } from './tools.ts';
import { readControlData, readStoppedExtent } from './wal-boundary.ts';
import { parseSegmentName, segmentOf } from './wal-file.ts';

const REWIND_DEADLINE_MS = 6 * 3_600_000;
const CHECKPOINT_DEADLINE_MS = 600_000;
const QUERY_DEADLINE_MS = 5_000;
const LIST_DEADLINE_MS = 60_000;
const LIST_RECORDS_MAX = 5_000;
const LIST_CHARS_MAX = 4_194_304;
/** A tail longer than this is kept in its first part only; the list says where it ends. */
const ARCHIVE_SEGMENTS_MAX = 256;
const CONFIG_FILE_OPTION_SINCE = 15;

export type RewindOptions = { readonly source: Follow; readonly member: MemberId; readonly fork: WalPosition | null };

export async function rewind(server: LocalServer, { source, member, fork }: RewindOptions, signal: AbortSignal): Promise<Outcome> {
  const { context } = server;
  const { dataDir } = context.config;
  const why = server.whyNotDead();
  if (why !== null) return failed('PGB-1304', why);
  await server.config.load();
  const control = await readControlData(context, dataDir, signal);
  if (control === null) return failed('PGB-1311', 'the control file cannot be read');
  if (!wasPrimary(control)) return failed('PGB-1311', `the directory is a standby's (${control.state}), not a former primary's`);
  const own = await readStoppedExtent(context, dataDir, control, signal);
  if (own === null) return failed('PGB-1311', 'the end of the own WAL is unknown');
  await removeHistoryAbove(walDirectory(dataDir), own.history.timeline);
  const leader = await prepareSource(server, source, control, signal);
  if (leader.kind === 'failed') return leader;
  await archiveTail(server, own, fork ?? forkOf(own, leader.extent), control, signal);
  // The single-user recovery inside pg_rewind must come up as what the directory is.
  await rm(join(dataDir, 'standby.signal'), { force: true });
  await rm(join(dataDir, 'recovery.signal'), { force: true });
  await server.config.prepareStart();
  const remains = await removeStalePidFile(dataDir);
  if (remains !== null) return failed('PGB-1304', remains);
  const ran = await runRewind(server, source, signal);
  if (ran.kind === 'failed') return ran;
  const after = await readControlData(context, dataDir, signal);
  const doubt = whyNotRewound(after, own, leader.extent, ran.untouched);
  if (doubt !== null) return failed('PGB-1311', doubt);
  await stripAutoConf(dataDir, context);
  await writeDurably(join(dataDir, 'standby.signal'), '', context.osUser);
  await writeMarker(dataDir, member, context);
  await syncDirectory(dataDir);
  return DONE;
}

/**
 * After a crash the recorded pid may belong to anybody, and in a restarted container, where the numbers begin anew, it mostly belongs to one of
 * our own processes. The single-user recovery inside pg_rewind would take that one for the old server and refuse, and a clone would follow.
 */
async function removeStalePidFile(dataDir: string): Promise<string | null> {
  const path = join(dataDir, 'postmaster.pid');
  const recorded = await readIfThere(path);
  if (recorded === null) return null;
  // The pid itself says nothing: a server would be found by the directory it works in, or by its shared memory.
  const remains = remainsOf(realDirectory(dataDir), { ...parsePidFile(recorded), postmasterPid: null });
  if (remains.kind !== 'none') return describeRemains(remains);
  await rm(path, { force: true });
  return null;
}

type Source = { readonly kind: 'ready'; readonly extent: WalExtent } | Extract<Outcome, { kind: 'failed' }>;

/**
 * Below 16 pg_rewind compares the *checkpoint's* timeline: just after a promotion it would find nothing to do. So the source checkpoints first,
 * and its history is read for our own comparison.
 */
async function prepareSource(server: LocalServer, source: Follow, control: ControlData, signal: AbortSignal): Promise<Source> {
  const { context } = server;
  const session = await ControlSession.open(
    {
      host: source.host,
      port: source.port,
      user: REWIND_ROLE,
      password: context.secrets.rewindPassword,
      database: 'postgres',
      applicationName: 'pgbaton-rewind',
    },
    QUERY_DEADLINE_MS,
    signal,
  );
  try {
    await session.query(checkpointSql(context.majorVersion), CHECKPOINT_DEADLINE_MS);
    const [row] = await session.query(
      'select (select timeline_id::text from pg_control_checkpoint()) as checkpointed, (select system_identifier::text from pg_control_system()) as system_id, pg_is_in_recovery()::text as standby',
      QUERY_DEADLINE_MS,
    );
    if (row === undefined || text(row, 'standby') !== 'false') return failed('PGB-1311', 'the source is not a primary');
    if (text(row, 'system_id') !== control.systemId)
      return failed('PGB-1301', `the source is of cluster ${text(row, 'system_id') ?? 'unknown'}`);
    const extent = await sourceExtent(server, source, signal);
    if (extent === null) return failed('PGB-1311', 'the history of the source cannot be read');
    if (Number(text(row, 'checkpointed')) !== extent.history.timeline)
      return failed('PGB-1311', 'the checkpoint of the source is not on its timeline yet');
    return { kind: 'ready', extent };
  } finally {
    session.destroy();
  }
}

async function sourceExtent(server: LocalServer, source: Follow, signal: AbortSignal): Promise<WalExtent | null> {
  const session = await walsenderSession(server, source, signal);
  try {
    const [identity] = await session.query('IDENTIFY_SYSTEM', QUERY_DEADLINE_MS);
    const timeline = timelineId(Number(identity === undefined ? Number.NaN : text(identity, 'timeline')));
    const end = parseLsn(identity === undefined ? '' : (text(identity, 'xlogpos') ?? ''));
    if (!Number.isSafeInteger(timeline) || end === null) return null;
    if (timeline === 1) return { history: rootHistory(timeline), lsn: end };
    const [file] = await session.query(`TIMELINE_HISTORY ${String(timeline)}`, QUERY_DEADLINE_MS);
    const history = parseHistoryFile(timeline, file === undefined ? '' : decodeContent(text(file, 'content') ?? ''));
    return history === null ? null : { history, lsn: end };
  } finally {
    session.destroy();
  }
}

// Sent as bytea by some versions and as text by others.
function decodeContent(content: string): string {
  return content.startsWith('\\x') ? Buffer.from(content.slice(2), 'hex').toString('utf8') : content;
}

/** Where our timeline was left by the source's; null: it never was. */
function forkOf(own: WalExtent, leader: WalExtent): WalPosition | null {
  const chain: TimelineHistory = leader.history;
  const shared = [...chain.ancestors]
    .reverse()
    .find(({ timeline }) => timeline === own.history.timeline || own.history.ancestors.some((ancestor) => ancestor.timeline === timeline));
  return shared === undefined ? null : { timeline: shared.timeline, lsn: shared.end };
}

async function archiveTail(
  server: LocalServer,
  own: WalExtent,
  fork: WalPosition | null,
  control: ControlData,
  signal: AbortSignal,
): Promise<void> {
  const { context } = server;
  const walDir = walDirectory(context.config.dataDir);
  const from: Lsn = fork === null ? control.redo : fork.lsn;
  const archive = join(context.stateDir, 'diverged', `${wallClockIso().replaceAll(/[:.]/g, '-')}-tl${String(own.history.timeline)}`);
  await mkdir(archive, { recursive: true, mode: 0o700 });
  const first = segmentOf(from, control.walSegmentBytes);
  const last = segmentOf(lsn(own.lsn - 1n), control.walSegmentBytes);
  const segments = (await readdir(walDir))
    .map((name) => parseSegmentName(name, control.walSegmentBytes))
    .filter((segment) => segment !== null)
    .filter(({ segment, timeline }) => segment >= first && segment <= last && timeline <= own.history.timeline)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const names = segments.map(({ name }) => name);
  for (const name of names.slice(0, ARCHIVE_SEGMENTS_MAX))
    await copyFile(join(walDir, name), join(archive, name), constants.COPYFILE_FICLONE);
  const ofOwn = segments.filter(({ timeline }) => timeline === own.history.timeline);
  const records = await listRecords(context, walDir, { from, to: own.lsn, first: ofOwn[0]?.name, last: ofOwn.at(-1)?.name }, signal);
  const header = [
    `timeline ${String(own.history.timeline)}, from ${formatLsn(from)}${fork === null ? ' (the last checkpoint; the fork is unknown)' : ''} to ${formatLsn(own.lsn)}`,
    `segments kept: ${String(Math.min(names.length, ARCHIVE_SEGMENTS_MAX))} of ${String(names.length)}; at most ${String(LIST_RECORDS_MAX)} records are listed`,
    '',
  ].join('\n');
  await writeFile(join(archive, 'records.txt'), `${header}\n${records}`, { mode: 0o600 });
  await syncDirectory(archive);
  context.log('warn', 'postgres.diverged-tail-archived', {
    archive,
    from: formatLsn(from),
    to: formatLsn(own.lsn),
    segments: names.length,
  });
}

type Tail = { readonly from: Lsn; readonly to: Lsn; readonly first: string | undefined; readonly last: string | undefined };

async function listRecords(context: LocalContext, walDir: string, { from, to, first, last }: Tail, signal: AbortSignal): Promise<string> {
  if (first === undefined || last === undefined) return '(nothing of the own timeline is there to be listed)\n';
  const args = ['-p', walDir, '-s', formatLsn(from), '-e', formatLsn(to), '-n', String(LIST_RECORDS_MAX), first, last];
  const list = await runTool(context, { tool: 'pg_waldump', args, deadlineMs: LIST_DEADLINE_MS, signal, outputCharsMax: LIST_CHARS_MAX });
  return list.kind === 'ended' ? `${list.stdout}${list.stderr}` : `(not listed: ${list.why})\n`;
}

type Ran = { readonly kind: 'ran'; readonly untouched: boolean } | Extract<Outcome, { kind: 'failed' }>;

async function runRewind(server: LocalServer, source: Follow, signal: AbortSignal): Promise<Ran> {
  const { context } = server;
  const passfile = join(context.runDir, 'pass-rewind');
  await writePassfile(
    passfile,
    [{ host: source.host, port: source.port, database: 'postgres', user: REWIND_ROLE, password: context.secrets.rewindPassword }],
    context.osUser,
  );
  try {
    const connection = connectionString({
      host: source.host,
      port: String(source.port),
      user: REWIND_ROLE,
      dbname: 'postgres',
      application_name: 'pgbaton-rewind',
      connect_timeout: '5',
      options: '-c jit=off',
      passfile,
    });
    const config = context.majorVersion >= CONFIG_FILE_OPTION_SINCE ? [`--config-file=${configFilePath(context.stateDir)}`] : [];
    const result = await runTool(context, {
      tool: 'pg_rewind',
      args: ['-R', `--target-pgdata=${context.config.dataDir}`, `--source-server=${connection}`, ...config],
      deadlineMs: REWIND_DEADLINE_MS,
      signal,
      passfile,
    });
    const why = whyToolFailed('pg_rewind', result);
    if (why !== null || result.kind !== 'ended') return failed('PGB-1311', why ?? 'pg_rewind was stopped');
    return { kind: 'ran', untouched: /no rewind required/.test(`${result.stdout}${result.stderr}`) };
  } finally {
    await rm(passfile, { force: true });
  }
}

function whyNotRewound(after: ControlData | null, own: WalExtent, leader: WalExtent, untouched: boolean): string | null {
  if (after === null) return 'the control file cannot be read after the rewind';
  if (untouched) {
    // Right only if everything we have is part of what the source grew from.
    return contains(leader, extentPosition(own))
      ? null
      : 'pg_rewind found nothing to do, but the own WAL is not part of the history of the source';
  }
  if (after.state !== 'in archive recovery') return `the control file says "${after.state}" after the rewind`;
  return after.minRecoveryTimeline === leader.history.timeline
    ? null
    : `the rewound directory aims at timeline ${String(after.minRecoveryTimeline)}, the source is on ${String(leader.history.timeline)}`;
}
