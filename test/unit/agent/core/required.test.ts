// P5.4: the requirement is the smallest over read quorums of the largest position in each.
import { expect, test } from 'vitest';
import { requiredPosition } from '../../../../agent/core/required.ts';
import { rootHistory, timelineId } from '../../../../shared/domain/timeline.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { answer, N1, N2, N3 } from '../../../support/facts-builder.ts';

const one = timelineId(1);

test('with exactly a quorum the requirement is its best position (I2)', () => {
  expect(requiredPosition([answer(N1, 100n), answer(N2, 300n)], 2, one)).toEqual({ timeline: 1, lsn: 300n });
});

test('with more answers than a quorum an unacknowledged tail of the best is not required', () => {
  expect(requiredPosition([answer(N1, 100n), answer(N2, 200n), answer(N3, 900n)], 2, one)).toEqual({ timeline: 1, lsn: 200n });
});

test('one that has left the record’s timeline still counts with what it had there', () => {
  const left = {
    ...answer(N1, 900n),
    extent: { history: { timeline: timelineId(2), ancestors: [{ timeline: one, end: lsn(700n) }] }, lsn: lsn(900n) },
  };
  expect(requiredPosition([left, answer(N2, 100n)], 2, one)).toEqual({ timeline: 1, lsn: 700n });
});

test('a quorum with nobody on the record’s timeline leaves the floor alone to decide', () => {
  const old = { ...answer(N1, 900n), extent: { history: rootHistory(timelineId(3)), lsn: lsn(900n) } };
  expect(requiredPosition([old], 1, one)).toBeNull();
  expect(requiredPosition([old, answer(N2, 100n)], 1, one)).toBeNull();
  expect(requiredPosition([old, answer(N2, 100n)], 2, one)).toEqual({ timeline: 1, lsn: 100n });
});
