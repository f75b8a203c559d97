// From runs to figures and to the acceptance.
import { describe, expect, it } from 'vitest';
import { verdictOf } from '../../../../bench/criteria.ts';
import { COURSES, type Contestant } from '../../../../bench/switchover/course.ts';
import { acceptanceOf, figuresOf, type Heat, type Run, type Switchover } from '../../../../bench/switchover/figures.ts';

const SIMPLE = COURSES.filter(({ name }) => name === 'simple');
const CROWD = COURSES.filter(({ name }) => name === 'crowd');

function switchover(stallMs: number | null, idle: Partial<Switchover['idle']> = {}): Switchover {
  const counts = { moved: 0, stayed: 0, cut: 0, ...idle };
  return { stallMs, gapMs: stallMs, lost: 0, stagesMs: {}, commandMs: 1_000, wholeMs: 2_000, idle: counts };
}

function heat(switchovers: readonly Switchover[], changes: Partial<Run> = {}, course = 'simple', contestant: Contestant = 'pgbaton'): Heat {
  const run = { transactions: 1_000, failed: 0, lostSessions: 0, surplusRows: 0, calmMs: 20, endedEarly: false, switchovers, ...changes };
  return { round: 0, course, contestant, run, why: null };
}

const times = (stalls: readonly number[]): readonly Switchover[] => stalls.map((stall) => switchover(stall));
const TEN = [150, 150, 150, 150, 150, 150, 150, 150, 150, 590];

function verdicts(courses: typeof COURSES, heats: readonly Heat[]): Readonly<Record<string, string>> {
  return Object.fromEntries(acceptanceOf(courses, figuresOf(courses, heats)).map(({ name, verdict }) => [name, verdict]));
}

describe('figures', () => {
  it('take all runs of a course and a way together', () => {
    const heats = [heat(times([100, 300])), heat(times([200]), { failed: 1, surplusRows: 2 }), heat([], { surplusRows: -2 })];
    expect(figuresOf(SIMPLE, heats)).toMatchObject([
      {
        ...{ course: 'simple', contestant: 'pgbaton', runs: 3, switchovers: 3, transactions: 3_000, failed: 1 },
        ...{ stallMs: { n: 3, median: 200, max: 300 }, rowsBeyond: 2, rowsLost: 2 },
      },
    ]);
  });

  it('tell when each stage was reached, also one that not every switchover had', () => {
    const [one, other] = [
      { ...switchover(1), stagesMs: { requested: 0, parking: 500 } },
      { ...switchover(1), stagesMs: { requested: 0 } },
    ];
    expect(figuresOf(SIMPLE, [heat([one, other])])[0]?.reachedMs).toEqual({
      requested: { n: 2, median: 0, max: 0 },
      parking: { n: 1, median: 500, max: 500 },
      'command done': { n: 2, median: 1_000, max: 1_000 },
      'cluster whole': { n: 2, median: 2_000, max: 2_000 },
    });
  });

  it('count a switchover without a stall that no client went on behind', () => {
    const cut = heat([switchover(null)], { lostSessions: 8, endedEarly: true }, 'simple', 'haproxy');
    expect(figuresOf(SIMPLE, [cut])[0]).toMatchObject({ switchovers: 1, stallMs: null, lostSessions: 8, endedEarly: 1 });
  });
});

describe('the acceptance', () => {
  it('is met by ten switchovers within the bounds and without a failure', () => {
    expect(verdictOf(acceptanceOf(SIMPLE, figuresOf(SIMPLE, [heat(times(TEN))])))).toBe('pass');
  });

  it('is open when there were fewer, and missed as soon as one is too long', () => {
    expect(verdicts(SIMPLE, [heat(times([150]))])).toMatchObject({
      'simple: stall, median ms': 'unknown',
      'simple: stall, max ms': 'unknown',
    });
    expect(verdicts(SIMPLE, [heat(times([601]))])).toMatchObject({ 'simple: stall, max ms': 'fail' });
  });

  it('looks at pgbaton only', () => {
    const cut = heat([switchover(null)], { lostSessions: 8 }, 'simple', 'haproxy');
    expect(verdictOf(acceptanceOf(SIMPLE, figuresOf(SIMPLE, [heat(times(TEN)), cut])))).toBe('pass');
    expect(verdicts(SIMPLE, [cut])).toMatchObject({ 'simple: sessions cut': 'unknown' });
  });

  it.each([
    [{ failed: 1 }, 'simple: failed transactions'],
    [{ lostSessions: 1 }, 'simple: sessions cut'],
    [{ surplusRows: 1 }, 'simple: rows lost or twice'],
    [{ surplusRows: -1 }, 'simple: rows lost or twice'],
  ])('is missed by %j', (changes, name) => {
    expect(verdicts(SIMPLE, [heat(times(TEN), changes)])[name]).toBe('fail');
  });

  it('is missed by a run that broke off', () => {
    const broken: Heat = { round: 0, course: 'simple', contestant: 'pgbaton', run: null, why: 'PGB-1401' };
    expect(verdicts(SIMPLE, [heat(times(TEN)), broken])['simple: runs broken off']).toBe('fail');
  });

  it('has no median for the crowd, and counts idle sessions that were cut', () => {
    const good = verdicts(CROWD, [heat(times(TEN.map(() => 499)), {}, 'crowd')]);
    expect(good).toMatchObject({ 'crowd: stall, max ms': 'pass', 'crowd: sessions cut': 'pass' });
    expect(good).not.toHaveProperty('crowd: stall, median ms');
    expect(verdicts(CROWD, [heat([switchover(100, { moved: 183, cut: 1 })], {}, 'crowd')])['crowd: sessions cut']).toBe('fail');
  });
});
