// From samples to figures and to the acceptance, on numbers made up for it.
import { describe, expect, it } from 'vitest';
import type { IdleSample, PgbenchSample, Round, WayName, WorkloadName } from '../../../bench/course.ts';
import { verdictOf } from '../../../bench/criteria.ts';
import { acceptanceOf, figuresOfRounds, idleFigureOf } from '../../../bench/figures.ts';

function select(round: number, way: WayName, change: Partial<PgbenchSample> = {}): Round {
  const sample: PgbenchSample = {
    kind: 'pgbench',
    tps: 1_000,
    transactions: 5_000,
    failed: 0,
    latencies: { n: 5_000, p50Us: 100, p99Us: 500 },
    connectUs: null,
    cpuUsPerTransaction: way === 'direct' ? null : 20,
    ...change,
  };
  return { round, way, workload: 'select, 16 clients', sample };
}

function copy(round: number, way: WayName, workload: WorkloadName, megabytesPerS: number): Round {
  return { round, way, workload, sample: { kind: 'copy', megabytesPerS, cpuUsPerMegabyte: way === 'direct' ? null : 900 } };
}

const GOOD: readonly Round[] = [0, 1, 2].flatMap((round) => [
  select(round, 'haproxy'),
  select(round, 'pgbaton', { tps: 970, cpuUsPerTransaction: 23 }),
  ...(['COPY out', 'COPY in'] as const).flatMap((name) => [copy(round, 'haproxy', name, 200), copy(round, 'pgbaton', name, 190)]),
]);
const idle = (sessions: number, rssBytes: number): IdleSample => ({ proxy: 'pgbaton', sessions, rssBytesEmpty: 50e6, rssBytes });

describe('figures', () => {
  it('add latency against the direct way of the same round', () => {
    const latencies = (p50Us: number, p99Us: number): Partial<PgbenchSample> => ({ latencies: { n: 9, p50Us, p99Us } });
    const [direct, proxied] = figuresOfRounds([
      select(0, 'direct', latencies(100, 500)),
      select(0, 'haproxy', latencies(130, 700)),
      select(1, 'direct', latencies(900, 1_000)),
      select(1, 'haproxy', latencies(910, 1_400)),
    ]);
    expect(direct).toMatchObject({ way: 'direct', addedP50Us: null, cpuUsPerTransaction: null });
    expect(proxied).toMatchObject({ addedP50Us: { n: 2, median: 20, max: 30 }, addedP99Us: { n: 2, median: 300, max: 400 } });
  });

  it('say how many transactions failed, and leave out what was not measured', () => {
    const figures = figuresOfRounds([select(0, 'pgbaton', { failed: 2 }), select(1, 'pgbaton', { failed: 1, latencies: null })]);
    expect(figures).toHaveLength(1);
    expect(figures[0]).toMatchObject({ failed: 3, p50Us: { n: 1 }, megabytesPerS: null, connectUs: null });
  });

  it('reckon the memory of ten thousand sessions from fewer, and say so', () => {
    expect(idleFigureOf(idle(1_000, 70e6))).toMatchObject({ megabytesAtTenThousand: 250, isReckoned: true });
    expect(idleFigureOf(idle(10_000, 240e6))).toMatchObject({ megabytesAtTenThousand: 240, isReckoned: false });
  });
});

describe('the acceptance', () => {
  const verdicts = (rounds: readonly Round[], sample: IdleSample | null): string =>
    acceptanceOf(rounds, sample === null ? [] : [idleFigureOf(sample)])
      .map(({ verdict }) => verdict)
      .join(' ');

  it('passes when every figure is reached', () => {
    expect(verdicts(GOOD, idle(10_000, 250e6))).toBe('pass pass pass pass pass');
  });

  it('fails each figure by itself', () => {
    const slow = GOOD.map((one) => (one.way === 'pgbaton' ? select(one.round, 'pgbaton', { tps: 900, cpuUsPerTransaction: 25 }) : one));
    expect(verdicts(slow, idle(10_000, 251e6))).toBe('fail fail fail unknown unknown');
    const slowCopy = GOOD.map((one) =>
      one.way === 'pgbaton' && one.workload === 'COPY in' ? copy(one.round, 'pgbaton', 'COPY in', 170) : one,
    );
    expect(verdicts(slowCopy, idle(10_000, 100e6))).toBe('pass pass pass pass fail');
  });

  it('compares round by round: a slow round of the machine is nobody’s fault', () => {
    const rounds = [
      select(0, 'haproxy', { tps: 1_000 }),
      select(0, 'pgbaton', { tps: 970 }),
      select(1, 'haproxy', { tps: 200 }),
      select(1, 'pgbaton', { tps: 194 }),
    ];
    expect(acceptanceOf(rounds, [])[0]).toMatchObject({ value: 0.97, verdict: 'pass' });
  });

  it('knows nothing of throughput when a transaction failed, and nothing of what was left out', () => {
    const failing = [...GOOD, select(3, 'haproxy', { failed: 1 })];
    expect(verdicts(failing, null)).toBe('unknown unknown unknown pass pass');
  });

  it('is a pass as a whole only when nothing is missing', () => {
    const all = acceptanceOf(GOOD, [idleFigureOf(idle(10_000, 200e6))]);
    expect(verdictOf(all)).toBe('pass');
    expect(verdictOf(acceptanceOf(GOOD, []))).toBe('unknown');
    expect(verdictOf(acceptanceOf(GOOD, [idleFigureOf(idle(10_000, 300e6))]))).toBe('fail');
  });
});
