/**
 * Timeline history files in pg_wal: reading them, the stubs that steer PostgreSQL to a reserved id, and the removal of what must not be there
 * at a start. A standby restarted while its highest history file is a stub never comes up, and a half-written one is no better; so files above
 * the timeline of the last valid record go before every start. On a promoted node stubs stay: followers fetch every id up to its own.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../shared/errors.ts';
import {
  historyFileName,
  parseHistoryFile,
  rootHistory,
  STUB_HISTORY_LINE,
  timelineId,
  type TimelineHistory,
  type TimelineId,
} from '../../shared/domain/timeline.ts';
import type { Lsn } from '../../shared/domain/lsn.ts';
import type { OsUser } from '../guard/os-user.ts';
import { syncDirectory, writeDurably } from './files.ts';

/** The ids that have a history file, stubs included, in rising order. */
export async function historyIds(walDir: string): Promise<readonly TimelineId[]> {
  const names = await readdir(walDir);
  const ids = names.map((name) => /^([0-9A-F]{8})\.history$/.exec(name)?.[1]).filter((hex) => hex !== undefined);
  return ids.map((hex) => timelineId(Number.parseInt(hex, 16))).toSorted((a, b) => a - b);
}

/** Null: there is none, it is a stub, or it is damaged. Timeline 1 needs none. */
export async function readHistory(walDir: string, timeline: TimelineId): Promise<TimelineHistory | null> {
  if (timeline === 1) return rootHistory(timeline);
  try {
    return parseHistoryFile(timeline, await readFile(join(walDir, historyFileName(timeline)), 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The timeline on which `position` really lies. A node that has only fetched the history of a new timeline, or holds its first segment up to
 * the fork, owns no byte of it yet: claiming the new timeline would claim the parent's WAL up to the fork as well.
 */
export function historyAt(history: TimelineHistory, position: Lsn): TimelineHistory {
  const last = history.ancestors.at(-1);
  if (last === undefined || position > last.end) return history;
  return historyAt({ timeline: last.timeline, ancestors: history.ancestors.slice(0, -1) }, position);
}

export async function removeHistoryAbove(walDir: string, timeline: TimelineId): Promise<void> {
  const above = (await historyIds(walDir)).filter((id) => id > timeline);
  if (above.length === 0) return;
  for (const id of above) await rm(join(walDir, historyFileName(id)), { force: true });
  await syncDirectory(walDir);
}

/** PostgreSQL takes the first id above its own that has no history file: every id below the reserved one gets a stub. */
export async function writeStubs(walDir: string, own: TimelineId, reserved: TimelineId, owner: OsUser | null): Promise<void> {
  const present = new Set(await historyIds(walDir));
  // What an attempt of our own left behind would push PostgreSQL to an id that nobody reserved.
  await removeHistoryAbove(walDir, timelineId(reserved - 1));
  for (let id = own + 1; id < reserved; id += 1) {
    // In its place only when it is PostgreSQL's own: a startup process that waits for WAL opens it at any moment, and ends when it may not.
    if (!present.has(timelineId(id))) await writeDurably(join(walDir, historyFileName(timelineId(id))), `${STUB_HISTORY_LINE}\n`, owner);
  }
}
