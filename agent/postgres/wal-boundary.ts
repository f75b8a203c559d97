/**
 * Where the WAL of a stopped server ends: the end of the last complete record on disk, with its timeline's ancestry (PROTOCOL P4.5). Rests on
 * pg_waldump, which reads as recovery does. Null means "cannot be known", never "nothing".
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLsn, formatLsn, type Lsn } from '../../shared/domain/lsn.ts';
import type { TimelineHistory } from '../../shared/domain/timeline.ts';
import type { WalExtent } from '../../shared/domain/wal-position.ts';
import { parseControlData, wasShutDown, type ControlData } from './controldata.ts';
import { walDirectory, type LocalContext } from './context.ts';
import { historyAt, historyIds, readHistory } from './history-files.ts';
import { runTool } from './tools.ts';
import {
  beforePageHeader,
  isHeaderOnOnePage,
  isWrittenSegment,
  LONG_HEADER_BYTES,
  parseSegmentName,
  RECORD_HEADER_BYTES,
  recordEnd,
  segmentOf,
  segmentStart,
  shutdownCheckpointBytes,
  type SegmentName,
} from './wal-file.ts';

const CONTROL_DEADLINE_MS = 5_000;
const WALDUMP_DEADLINE_MS = 60_000;
/** Room for a few descriptions; only the last one is looked at. */
const LAST_RECORDS_CHARS = 65_536;

export async function readControlData(context: LocalContext, dataDir: string, signal: AbortSignal): Promise<ControlData | null> {
  const result = await runTool(context, { tool: 'pg_controldata', args: ['-D', dataDir], deadlineMs: CONTROL_DEADLINE_MS, signal });
  return result.kind === 'ended' && result.code === 0 ? parseControlData(result.stdout) : null;
}

export async function readStoppedExtent(
  context: LocalContext,
  dataDir: string,
  control: ControlData,
  signal: AbortSignal,
): Promise<WalExtent | null> {
  const walDir = walDirectory(dataDir);
  const segments = (await readdir(walDir))
    .map((name) => parseSegmentName(name, control.walSegmentBytes))
    .filter((segment) => segment !== null);
  for (const history of await possibleHistories(walDir, control)) {
    const ofTimeline = segments.filter(({ timeline }) => timeline === history.timeline);
    const written = await newestWritten(walDir, ofTimeline, control);
    if (written === null) continue;
    const end =
      (history.timeline === control.timeline ? await shutdownCheckpointEnd(walDir, written, control) : null) ??
      (await lastRecordEnd(context, walDir, ofTimeline, written, control, signal));
    if (end !== null) return { history: historyAt(history, end), lsn: end };
  }
  return null;
}

/** The checkpoint's timeline and everything that grew from it, newest first: the timeline on which recovery would end. */
async function possibleHistories(walDir: string, control: ControlData): Promise<readonly TimelineHistory[]> {
  const ids = (await historyIds(walDir)).filter((id) => id > control.timeline);
  const younger: TimelineHistory[] = [];
  for (const id of ids) {
    const history = await readHistory(walDir, id);
    // A timeline that left ours before the checkpoint is somebody else's future.
    const ours = history?.ancestors.find(({ timeline }) => timeline === control.timeline);
    if (history !== null && ours !== undefined && ours.end >= control.redo) younger.push(history);
  }
  const own = await readHistory(walDir, control.timeline);
  return [...younger.toReversed(), ...(own === null ? [] : [own])];
}

async function newestWritten(walDir: string, ofTimeline: readonly SegmentName[], control: ControlData): Promise<SegmentName | null> {
  const sinceRedo = ofTimeline.filter(({ segment }) => segment >= segmentOf(control.redo, control.walSegmentBytes));
  for (const segment of sinceRedo.toSorted((a, b) => (a.segment < b.segment ? 1 : -1))) {
    const header = await readAt(join(walDir, segment.name), 0, LONG_HEADER_BYTES);
    if (isWrittenSegment(header, segment, control.walSegmentBytes, control.systemId)) return segment;
  }
  return null;
}

/**
 * A primary that was shut down wrote its last checkpoint last, and PostgreSQL panics rather than write anything behind it. One read instead of one more
 * program: in a planned move all clients wait for this. Null: not so, or not to be seen like this.
 */
async function shutdownCheckpointEnd(walDir: string, newest: SegmentName, control: ControlData): Promise<Lsn | null> {
  const { checkpoint, redo, walSegmentBytes } = control;
  if (!wasShutDown(control) || redo !== checkpoint || newest.segment !== segmentOf(checkpoint, walSegmentBytes)) return null;
  if (!isHeaderOnOnePage(checkpoint)) return null;
  const at = Number(checkpoint - segmentStart(newest.segment, walSegmentBytes));
  const totalBytes = shutdownCheckpointBytes(await readAt(join(walDir, newest.name), at, RECORD_HEADER_BYTES));
  return totalBytes === null ? null : recordEnd(checkpoint, totalBytes, walSegmentBytes);
}

/**
 * Begins in the newest segment; a record that covers all of it began in an earlier one. The end of that segment is given as the end: looking
 * for a next one that is not there, pg_waldump would wait five seconds for it. Both segments are named, because otherwise it learns the segment
 * size from whatever file it finds first, and a preallocated one says zero.
 */
async function lastRecordEnd(
  context: LocalContext,
  walDir: string,
  ofTimeline: readonly SegmentName[],
  newest: SegmentName,
  control: ControlData,
  signal: AbortSignal,
): Promise<Lsn | null> {
  const { walSegmentBytes } = control;
  const redoSegment = segmentOf(control.redo, walSegmentBytes);
  const end = segmentStart(newest.segment + 1n, walSegmentBytes);
  const rangeFrom = (start: Lsn): readonly string[] | null => {
    const first = ofTimeline.find(({ segment }) => segment === segmentOf(start, walSegmentBytes));
    return first === undefined ? null : ['-p', walDir, '-s', formatLsn(start), '-e', formatLsn(end), first.name, newest.name];
  };
  for (let segment = newest.segment; segment >= redoSegment; segment -= 1n) {
    // Null: before the fork, where the segments have the parent's name. A record that long is left to whoever can read across names.
    const range = rangeFrom(segment === redoSegment ? control.redo : segmentStart(segment, walSegmentBytes));
    if (range === null) return null;
    const result = await runTool(context, { tool: 'pg_waldump', args: ['-q', ...range], deadlineMs: WALDUMP_DEADLINE_MS, signal });
    if (result.kind === 'stopped') return null;
    const direct = parseLsn(/invalid record length at ([0-9A-F]+\/[0-9A-F]+)/.exec(result.stderr)?.[1] ?? '');
    if (direct !== null) return beforePageHeader(direct, walSegmentBytes);
    const lastRecord = parseLsn(/error in WAL record at ([0-9A-F]+\/[0-9A-F]+)/.exec(result.stderr)?.[1] ?? '');
    const lastRange = lastRecord === null ? range : rangeFrom(lastRecord);
    // Neither error: every record up to the end of the segment is whole, and the last one printed is the last.
    if (lastRange === null || (lastRecord === null && result.code !== 0)) continue;
    const found = await endOfLastPrinted(
      context,
      lastRecord === null ? lastRange : ['-n', '1', ...lastRange],
      end,
      walSegmentBytes,
      signal,
    );
    if (found !== null) return found;
  }
  return null;
}

async function endOfLastPrinted(
  context: LocalContext,
  range: readonly string[],
  end: Lsn,
  segmentBytes: number,
  signal: AbortSignal,
): Promise<Lsn | null> {
  const result = await runTool(context, {
    tool: 'pg_waldump',
    args: range,
    deadlineMs: WALDUMP_DEADLINE_MS,
    signal,
    outputCharsMax: LAST_RECORDS_CHARS,
  });
  if (result.kind === 'stopped') return null;
  const line = result.stdout.split('\n').findLast((one) => one.includes('len (rec/tot):'));
  const total = /len \(rec\/tot\):\s*\d+\/\s*(\d+)/.exec(line ?? '')?.[1];
  const start = parseLsn(/lsn: ([0-9A-F]+\/[0-9A-F]+)/.exec(line ?? '')?.[1] ?? '');
  if (line === undefined || total === undefined || start === null) return null;
  // A switch gives up the rest of its segment.
  if (/^rmgr: XLOG .*desc: SWITCH/.test(line)) return segmentStart(segmentOf(start, segmentBytes) + 1n, segmentBytes);
  const last = recordEnd(start, Number(total), segmentBytes);
  return last > end ? null : last;
}

async function readAt(path: string, at: number, bytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, at);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
