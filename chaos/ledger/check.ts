/**
 * The verdict about data: every acknowledged row is looked up, one by one, among the rows the new primary has. Pure. It knows nothing about
 * the fault that was injected, and must never accept a count in place of the rows: a lost row and a doubled one add up to the right number.
 */
import { rowKey, type Entry, type Row, type RowKey } from './entry.ts';

export type LedgerVerdict = {
  /** Acknowledged rows that were looked up. */
  readonly checked: number;
  /** Acknowledged, yet absent. */
  readonly lost: readonly Row[];
  /** Present more than once, although each was sent once. */
  readonly duplicated: readonly Row[];
  /** Present although the server had said that it was rolled back. */
  readonly resurrected: readonly Row[];
  /** Present, but never attempted by this ledger. */
  readonly foreign: readonly Row[];
  /** Outcome unknown to the client, and in fact present. Neither good nor bad. */
  readonly surfaced: number;
};

/**
 * `entries` must be a snapshot taken *before* the rows are read: a row acknowledged in between would otherwise look lost. Each writer settles
 * its attempts in the order of their numbers, so a row above the highest settled one was in flight or came later, and is not judged.
 */
export function checkLedger(entries: readonly Entry[], rows: readonly Row[]): LedgerVerdict {
  const seen = new Map<RowKey, number>();
  for (const row of rows) seen.set(rowKey(row), (seen.get(rowKey(row)) ?? 0) + 1);
  const attempted = new Set(entries.map(rowKey));
  const settledUpTo = new Map<number, number>();
  for (const { writer, seq } of entries) settledUpTo.set(writer, Math.max(seq, settledUpTo.get(writer) ?? seq));
  const acknowledged = entries.filter(({ outcome }) => outcome === 'ok');
  const present = (row: Row): boolean => seen.has(rowKey(row));
  const justKey = ({ writer, seq }: Row): Row => ({ writer, seq });
  return {
    checked: acknowledged.length,
    lost: acknowledged.filter((row) => !present(row)).map(justKey),
    duplicated: [...new Map(rows.filter((row) => (seen.get(rowKey(row)) ?? 0) > 1).map((row) => [rowKey(row), row])).values()],
    resurrected: entries.filter((entry) => entry.outcome === 'failed' && present(entry)).map(justKey),
    foreign: rows.filter((row) => !attempted.has(rowKey(row)) && row.seq <= (settledUpTo.get(row.writer) ?? -1)),
    surfaced: entries.filter((entry) => entry.outcome === 'unknown' && present(entry)).length,
  };
}

/** What makes a verdict bad. Lost rows are counted apart, because they are the promise; the rest means that something else is wrong. */
export function isClean(verdict: LedgerVerdict): boolean {
  return [verdict.lost, verdict.duplicated, verdict.resurrected, verdict.foreign].every((rows) => rows.length === 0);
}
