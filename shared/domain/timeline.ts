/**
 * Timelines and their ancestry (PostgreSQL documentation §26.3.5). A promotion leaves the parent at a fork point and writes it into
 * `<id>.history`. Never decide "who is ahead" by LSN before ancestry has been asked.
 */
import type { Brand } from './brand.ts';
import { parseLsn, type Lsn } from './lsn.ts';

export type TimelineId = Brand<number, 'TimelineId'>;

export function timelineId(id: number): TimelineId {
  return id as TimelineId;
}

export type Ancestor = { readonly timeline: TimelineId; /** Where the next timeline forked off. */ readonly end: Lsn };

/** A timeline together with the chain it grew from, oldest first. */
export type TimelineHistory = { readonly timeline: TimelineId; readonly ancestors: readonly Ancestor[] };

/** A file pgbaton wrote to steer PostgreSQL's choice of the next timeline id opens with this line. It is not a history. */
export const STUB_HISTORY_LINE = '# pgbaton: timeline id reserved';

export function historyFileName(timeline: TimelineId): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/** Parses the content of `<timeline>.history`; null when a line is damaged (a half-written file) or the file is a stub. */
export function parseHistoryFile(timeline: TimelineId, text: string): TimelineHistory | null {
  if (text.startsWith(STUB_HISTORY_LINE)) return null;
  const ancestors: Ancestor[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [id, end] = trimmed.split(/\s+/);
    const ancestorId = Number(id);
    const ancestorEnd = end === undefined ? null : parseLsn(end);
    if (!Number.isSafeInteger(ancestorId) || ancestorId < 1 || ancestorEnd === null) return null;
    ancestors.push({ timeline: timelineId(ancestorId), end: ancestorEnd });
  }
  return ancestors.length === 0 ? null : { timeline, ancestors };
}

/** The history of a node that has never left its timeline (only true for timeline 1, or when nothing older is known). */
export function rootHistory(timeline: TimelineId): TimelineHistory {
  return { timeline, ancestors: [] };
}
