import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../../chaos/ledger/entry.ts';
import { measure, type Evidence } from '../../../../chaos/live/measure.ts';

function ack(writer: number, seq: number, endedMs: number, route: string, timeline = 1): Entry {
  const served = { server: `s${String(timeline)}`, timeline, lsn: '0/1', backendPid: 1 };
  return { writer, seq, route, invokedMs: endedMs - 1, endedMs, outcome: 'ok', served };
}

const entries = [
  ack(0, 0, 90, 'proxy'),
  ack(1, 0, 95, 'n1'),
  ack(0, 1, 400, 'proxy', 2),
  ack(2, 0, 300, 'fresh', 2),
  ack(1, 1, 390, 'n2', 2),
];
const primary = { standby: false, rows: 5, word: 'x' };
const evidence: Evidence = {
  window: { faultMs: 100, untilMs: 410 },
  entries,
  errors: [{ atMs: 101, writer: 0, route: 'proxy', phase: 'session', code: '57P01', message: 'x' }],
  rows: entries.map(({ writer, seq }) => ({ writer, seq })),
  earlier: { before: 7, now: 7 },
  digests: [
    { node: 'n1', digest: { ...primary, standby: true } },
    { node: 'n2', digest: primary },
  ],
  epochsRaised: 1,
  claims: [{ epoch: '2', holder: 'n2~0', timeline: 2, why: '' }],
  history: [],
};

describe('the figures of a trial', () => {
  it('count the outage of applications, not of those who go past the proxy', () => {
    const figures = measure(evidence);
    expect(figures.outage.lengthMs).toBe(310);
    expect(figures.freshOutage.lengthMs).toBe(200);
    expect(figures).toMatchObject({ acknowledged: 5, acknowledgedDirectly: 2, clientErrors: 1, failovers: 1, divergedNodes: [] });
    expect(figures.data).toMatchObject({ lost: [], foreign: [] });
  });

  it('do not take the pause between two rows for an outage because the observation happened to end in it', () => {
    const quiet = [ack(2, 0, 90, 'fresh'), ack(2, 1, 150, 'fresh'), ack(2, 2, 205, 'fresh')];
    const ended = { ...evidence, window: { faultMs: 100, untilMs: 275 } };
    expect(measure({ ...ended, entries: [...quiet, ack(2, 3, 280, 'fresh')] }).freshOutage).toMatchObject({ lengthMs: 75, ended: true });
    expect(measure({ ...ended, entries: quiet }).freshOutage).toMatchObject({ lengthMs: 70, ended: false });
  });

  it('find the row that is missing, whoever wrote it', () => {
    expect(measure({ ...evidence, rows: (evidence.rows ?? []).filter(({ writer, seq }) => writer !== 1 || seq !== 1) }).data?.lost).toEqual(
      [{ writer: 1, seq: 1 }],
    );
  });

  it('count the rows of earlier trials that are gone, and take more of them for no fault', () => {
    expect(measure(evidence).vanished).toBe(0);
    expect(measure({ ...evidence, earlier: { before: 7, now: 5 } }).vanished).toBe(2);
    expect(measure({ ...evidence, earlier: { before: 7, now: 8 } }).vanished).toBe(0);
  });

  it('tell how far back a loss reaches: from the sending of the oldest lost row to the last word of its primary', () => {
    const without = (...lost: readonly string[]) =>
      measure({ ...evidence, rows: (evidence.rows ?? []).filter(({ writer, seq }) => !lost.includes(`${String(writer)}:${String(seq)}`)) });
    expect(measure(evidence).rpoMs).toBe(0);
    expect(without('1:0').rpoMs).toBe(1);
    expect(without('0:0', '1:0').rpoMs).toBe(6);
    expect(measure({ ...evidence, rows: null }).rpoMs).toBeNull();
  });

  it('say nothing of rows that could not be read', () => {
    expect(measure({ ...evidence, rows: null }).data).toBeNull();
  });

  it('name the node whose rows differ, and the one that did not answer', () => {
    const other = { node: 'n3', digest: { standby: true, rows: 5, word: 'y' } };
    expect(measure({ ...evidence, digests: [...evidence.digests, other, { node: 'n4', digest: null }] }).divergedNodes).toEqual([
      'n3',
      'n4',
    ]);
  });

  it('trust nobody where there are two primaries, or none', () => {
    const twice = [...evidence.digests, { node: 'n3', digest: primary }];
    expect(measure({ ...evidence, digests: twice }).divergedNodes).toEqual(['n1', 'n2', 'n3']);
    expect(measure({ ...evidence, digests: evidence.digests.slice(0, 1) }).divergedNodes).toEqual(['n1']);
  });
});
