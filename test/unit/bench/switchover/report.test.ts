// What people read: both ways beside each other, and what was not measured told as such.
import { expect, it } from 'vitest';
import type { Heat } from '../../../../bench/switchover/figures.ts';
import { readOptions } from '../../../../bench/switchover/options.ts';
import { reportOf, textOf, type Measured } from '../../../../bench/switchover/report.ts';

const idle = { moved: 0, stayed: 0, cut: 0 };
const seen = { lost: 0, stagesMs: { requested: 0, parking: 700 }, commandMs: 900, wholeMs: 1_800, idle };
const done = { transactions: 5_000, failed: 0, lostSessions: 0, surplusRows: 0, calmMs: 30, endedEarly: false };
const heats: readonly Heat[] = [
  {
    ...{ round: 0, course: 'prepared', contestant: 'pgbaton', why: null },
    run: { ...done, switchovers: [{ ...seen, stallMs: 180, gapMs: 150 }] },
  },
  {
    ...{ round: 0, course: 'prepared', contestant: 'haproxy', why: null },
    run: { ...done, lostSessions: 8, surplusRows: 2, endedEarly: true, switchovers: [{ ...seen, stallMs: null, gapMs: null, lost: 8 }] },
  },
  { round: 1, course: 'prepared', contestant: 'pgbaton', run: null, why: 'the cluster is not whole: no leader' },
];
const measured: Measured = {
  machine: { processor: 'Some CPU', cores: 4, memoryMb: 8_000, kernel: '6.1', node: 'v20', loadAtStart: 0.25 },
  options: readOptions(['--quick', '--courses', 'prepared'])!,
  versions: { HAProxy: '2.6.12' },
  heats,
};

it('tells both ways, what broke off, and the verdict', () => {
  const text = textOf(reportOf(measured));
  expect(text).toContain('Some CPU, 4 cores, 8000 MB, Linux 6.1, Node.js v20;');
  expect(text).toMatch(/\| prepared +\| pgbaton +\| 1 +\| 1 +\| 180 +\| 180 +\| 150 +\| 150 +\| 30 +\| 5000 +\| 0 +\| 0 +\|/);
  expect(text).toMatch(/\| prepared +\| haproxy +\| 1 +\| 0 +\| - +\| - +\| - +\| - +\| 30 +\| 5000 +\| 0 +\| 8 +\|/);
  expect(text).toMatch(/\| course +\| way +\| requested ms \| parking ms \| command done ms \| cluster whole ms \|/);
  expect(text).toMatch(/\| prepared +\| pgbaton +\| 0 +\| 700 +\| 900 +\| 1800 +\|/);
  expect(text).toContain('1 of 1 runs ended early: all clients gave up, 2 rows that nobody was told of');
  expect(text).toContain('prepared, pgbaton, round 2 broke off: the cluster is not whole: no leader');
  expect(text).toMatch(/prepared: stall, median ms +\| 180 +\| <= 200 +\| unknown/);
  expect(text).toContain('verdict: fail');
});
