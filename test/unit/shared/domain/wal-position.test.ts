// Positions on different timelines are compared by ancestry, never by bytes.
import { describe, expect, test } from 'vitest';
import { formatLsn, lsn, parseLsn } from '../../../../shared/domain/lsn.ts';
import {
  historyFileName,
  parseHistoryFile,
  rootHistory,
  STUB_HISTORY_LINE,
  timelineId,
  type TimelineHistory,
} from '../../../../shared/domain/timeline.ts';
import { compareExtents, contains, type WalExtent } from '../../../../shared/domain/wal-position.ts';

const one = timelineId(1);
const two: TimelineHistory = { timeline: timelineId(2), ancestors: [{ timeline: one, end: lsn(500n) }] };
const onOne = (end: bigint): WalExtent => ({ history: rootHistory(one), lsn: lsn(end) });
const onTwo = (end: bigint): WalExtent => ({ history: two, lsn: lsn(end) });

describe('contains', () => {
  test('holds on one timeline by LSN', () => {
    expect(contains(onOne(500n), { timeline: one, lsn: lsn(500n) })).toBe(true);
    expect(contains(onOne(499n), { timeline: one, lsn: lsn(500n) })).toBe(false);
  });

  test('holds for an ancestor left at or after the position, and no further', () => {
    expect(contains(onTwo(900n), { timeline: one, lsn: lsn(500n) })).toBe(true);
    expect(contains(onTwo(900n), { timeline: one, lsn: lsn(501n) })).toBe(false);
  });

  test('never holds for a timeline outside the ancestry, whatever the LSN', () => {
    expect(contains(onOne(9_999n), { timeline: timelineId(2), lsn: lsn(1n) })).toBe(false);
  });
});

describe('compareExtents', () => {
  test.each([
    ['equal', onOne(500n), onOne(500n)],
    ['ahead', onTwo(600n), onOne(500n)],
    ['behind', onOne(400n), onTwo(600n)],
    ['diverged', onOne(501n), onTwo(600n)],
  ])('answers %s', (order, self, other) => {
    expect(compareExtents(self, other)).toBe(order);
  });
});

describe('text forms', () => {
  test('an LSN survives a round trip and anything else is refused', () => {
    expect(formatLsn(parseLsn('16/B374D848') ?? lsn(0n))).toBe('16/B374D848');
    for (const text of ['', '16', '16/', '/1', '16/B374D8481', 'x/1', '1/2/3']) expect(parseLsn(text), text).toBeNull();
  });

  test('a history file is parsed, a damaged one and a stub are not', () => {
    expect(parseHistoryFile(timelineId(3), '1\t0/500\tno recovery target\n\n2\t0/900\tx\n')).toEqual({
      timeline: 3,
      ancestors: [
        { timeline: 1, end: 0x500n },
        { timeline: 2, end: 0x900n },
      ],
    });
    expect(parseHistoryFile(timelineId(3), '1\t0/50')).not.toBeNull();
    expect(parseHistoryFile(timelineId(3), '1\t0/')).toBeNull();
    expect(parseHistoryFile(timelineId(3), `${STUB_HISTORY_LINE}\n`)).toBeNull();
    expect(historyFileName(timelineId(26))).toBe('0000001A.history');
  });
});
