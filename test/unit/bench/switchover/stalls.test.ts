// How long clients stood still, from what was logged of their transactions.
import { describe, expect, it } from 'vitest';
import type { Transaction } from '../../../../bench/switchover/pgbench-run.ts';
import { calmOf, stallsOf, type Window } from '../../../../bench/switchover/stalls.ts';

const WINDOW: Window = { fromMs: 1_000, untilMs: 2_000 };

function transaction(client: number, beganMs: number, endedMs: number): Transaction {
  return { client, beganMs, endedMs };
}

describe('a stall', () => {
  it('is the longest transaction of any client that touches the switchover', () => {
    const all = [
      transaction(0, 900, 990),
      transaction(0, 1_010, 1_260),
      transaction(0, 1_600, 1_700),
      transaction(1, 950, 1_240),
      transaction(1, 1_900, 2_300),
      transaction(0, 2_100, 2_900),
    ];
    expect(stallsOf(all, [WINDOW], [])[0]?.stallMs).toBe(400);
  });

  it('is told of those who went on, and never of one whose session ended', () => {
    const cut = [transaction(0, 1_000, 1_010), transaction(0, 1_010, 1_400)];
    expect(stallsOf(cut, [WINDOW], [0])).toEqual([{ stallMs: null, gapMs: null, lost: 1 }]);
    const other = [transaction(1, 1_100, 1_120), transaction(1, 1_120, 1_600)];
    expect(stallsOf([...cut, ...other], [WINDOW], [0])[0]).toMatchObject({ stallMs: 480, lost: 1 });
  });

  it('is told of a run that was over before the cluster was whole', () => {
    const all = [transaction(0, 900, 1_000), transaction(0, 1_000, 1_300)];
    expect(stallsOf(all, [WINDOW], [])).toEqual([{ stallMs: 300, gapMs: 300, lost: 0 }]);
  });

  it('is not told at later switchovers of one whose session had ended', () => {
    const later: Window = { fromMs: 5_000, untilMs: 6_000 };
    const all = [transaction(0, 900, 1_100), transaction(1, 900, 1_150), transaction(1, 4_900, 5_200)];
    expect(stallsOf(all, [WINDOW, later], [0]).map(({ stallMs }) => stallMs)).toEqual([250, 300]);
  });

  it('may last beyond the moment in which the cluster is whole', () => {
    expect(stallsOf([transaction(0, 1_200, 5_200)], [WINDOW], [])[0]?.stallMs).toBe(4_000);
  });
});

describe('the time in which nobody answered', () => {
  it('is the longest between two ends of transactions of anybody, also when it began before or ended behind', () => {
    const ends = (...moments: readonly number[]): readonly Transaction[] => moments.map((end, at) => transaction(at % 2, end - 1, end));
    expect(stallsOf(ends(500, 950, 1_300, 1_450, 1_900, 2_300, 9_000), [WINDOW], [])[0]?.gapMs).toBe(450);
    expect(stallsOf(ends(990, 1_300, 1_400, 1_600), [WINDOW], [])[0]?.gapMs).toBe(310);
  });

  it('counts from the command when nobody had finished anything before', () => {
    expect(stallsOf([transaction(0, 1_100, 1_700)], [WINDOW], [])[0]?.gapMs).toBe(700);
  });
});

describe('a client that gave up', () => {
  const later: Window = { fromMs: 5_000, untilMs: 6_000 };

  it('is counted at the switchover that its last transaction precedes, and at none when that was behind all', () => {
    const all = [transaction(0, 1_000, 1_100), transaction(1, 4_000, 5_100), transaction(2, 7_000, 7_100)];
    expect(stallsOf(all, [WINDOW, later], [0, 1, 2]).map(({ lost }) => lost)).toEqual([1, 1]);
  });

  it('is counted at the first when it never finished one', () => {
    expect(stallsOf([], [WINDOW, later], [7]).map(({ lost }) => lost)).toEqual([1, 0]);
  });
});

it('knows how long transactions take when nothing is done to the cluster', () => {
  const all = [transaction(0, 900, 950), transaction(0, 1_100, 1_800), transaction(0, 2_100, 2_190)];
  expect(calmOf(all, [WINDOW])).toBe(90);
  expect(calmOf([], [WINDOW])).toBeNull();
});
