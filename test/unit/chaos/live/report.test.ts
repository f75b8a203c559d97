import { describe, expect, it } from 'vitest';
import { reportOf, rowOf, rowOfRounds, tableOf, type Played } from '../../../../chaos/live/report.ts';
import { goodFigures, goodTrial, nodeKillSample, spoilt } from './samples.ts';

const played: Played = { scenario: nodeKillSample, trials: [goodTrial, { ...goodTrial, trial: 2 }] };

function report(of: readonly Played[]) {
  return reportOf({
    seed: '1',
    repeat: 'run node-kill --seed 1',
    backend: 'processes',
    interrupted: false,
    played: of,
    notPlayed: [{ scenario: 'disk-full', why: 'it needs mounts' }],
    rows: of.map(rowOf),
  });
}

describe('the report', () => {
  it('has a row for a scenario: count, median, worst, and the bound it is held against', () => {
    expect(rowOf(played)).toMatchObject({
      n: 2,
      outageMs: { n: 2, median: 900, max: 900 },
      lost: 0,
      split: 0,
      needless: 0,
      verdict: 'pass',
      reasons: [],
    });
    expect(tableOf(report([played]))).toContain('| node-kill');
    expect(tableOf(report([played]))).toContain('1200 / 2000');
  });

  it('adds up what went wrong over all trials, and tells in which', () => {
    const bad = { ...goodTrial, trial: 2, figures: { ...goodFigures, failovers: 3 } };
    const row = rowOf({ scenario: nodeKillSample, trials: [goodTrial, bad] });
    expect(row).toMatchObject({ needless: 2, verdict: 'fail' });
    expect(row.reasons).toEqual([{ kind: 'wrong', text: 'trial 2: 2 needless failovers' }]);
  });

  it('adds up each workload over all trials, and tells what its checker found', () => {
    const bad = { ...goodTrial, trial: 2, workloads: [{ ...spoilt('torn', 'a', 'b'), isRead: false }] };
    const row = rowOf({ scenario: nodeKillSample, trials: [goodTrial, bad] });
    expect(row.workloads).toMatchObject([
      { workload: 'bank', acknowledged: 400, unknown: 4, surfaced: 2, reads: 180, unread: 1, flaws: { torn: 2, lost: 0 } },
      { workload: 'list-append', acknowledged: 200, unread: 0, flaws: { torn: 0 } },
    ]);
    const table = tableOf(report([{ scenario: nodeKillSample, trials: [goodTrial, bad] }]));
    expect(table).toMatch(/\| node-kill +\| bank +\| 400 +\| 4 +\| 2 +\| 180 +\| 0 +\| 0 +\| 0 +\| 2 +\|/);
    expect(table).toContain('trial 2: bank: 2 of which only a part was seen');
  });

  it('tells how long something took that a scenario looked at, over all trials', () => {
    const took = (tookMs: number) => ({ claim: 'ends in time', holds: true, seen: '', timing: { tookMs, allowedMs: 100 } });
    const trials = [10, 30, 20].map((tookMs) => ({ ...goodTrial, findings: [took(tookMs)] }));
    expect(rowOf({ scenario: nodeKillSample, trials }).timings).toEqual([
      { claim: 'ends in time', allowedMs: 100, tookMs: { n: 3, median: 20, max: 30 } },
    ]);
    expect(tableOf(report([{ scenario: nodeKillSample, trials }]))).toContain(
      'node-kill: ends in time: N 3, median 20 ms, max 30 ms, 100 ms allowed',
    );
    expect(rowOf(played).timings).toEqual([]);
  });

  it('says nothing of workloads where the ledger ran alone', () => {
    const alone = { scenario: nodeKillSample, trials: [{ ...goodTrial, workloads: [] }] };
    expect(rowOf(alone).workloads).toEqual([]);
    expect(tableOf(report([alone]))).not.toContain('beside the ledger');
  });

  it('fails when nothing was played', () => {
    expect(rowOf({ scenario: nodeKillSample, trials: [] }).verdict).toBe('fail');
    expect(rowOfRounds([]).verdict).toBe('fail');
    expect(reportOf({ seed: '1', repeat: '', backend: 'processes', interrupted: false, played: [], notPlayed: [], rows: [] }).verdict).toBe(
      'fail',
    );
  });

  it('tells what was not played, and why', () => {
    expect(tableOf(report([played]))).toContain('not played: disk-full: it needs mounts');
  });

  it('tells of every trial what it was failed for', () => {
    const bad = { ...goodTrial, trial: 2, figures: { ...goodFigures, vanished: 3 } };
    const [good, failed] = report([{ scenario: nodeKillSample, trials: [goodTrial, bad] }]).trials;
    expect([good?.reasons, failed?.reasons]).toEqual([[], [{ kind: 'unsafe', text: '3 rows of earlier trials are gone' }]]);
  });

  it('has as RPO the furthest back that any loss reaches, and none where nobody could look', () => {
    const reaching = (rpoMs: number | null) => ({ ...goodTrial, figures: { ...goodFigures, rpoMs } });
    expect(rowOf({ scenario: nodeKillSample, trials: [reaching(0), reaching(40), reaching(null)] }).rpoMs).toBe(40);
    expect(rowOf({ scenario: nodeKillSample, trials: [reaching(null)] }).rpoMs).toBeNull();
  });

  it('judges every random round by its own demand', () => {
    const harmless = {
      ...nodeKillSample,
      demand: { ...nodeKillSample.demand, outage: null, freshOutage: null, failovers: { least: 0, most: 0 } },
    };
    const row = rowOfRounds([played, { scenario: harmless, trials: [{ ...goodTrial, trial: 2 }] }]);
    expect(row).toMatchObject({ n: 3, needless: 1, verdict: 'fail' });
  });
});
