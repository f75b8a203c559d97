import { describe, expect, it } from 'vitest';
import { keptPromises, linesOf, resultOf, tableOf, type HeatRecord, type Lived, type Result } from '../../../../bench/failover/figures.ts';
import type { Entry } from '../../../../chaos/ledger/entry.ts';
import { goodFigures } from '../../chaos/live/samples.ts';

const entry = (writer: number, route: string, timeline: number): Entry => ({
  writer,
  seq: 1,
  route,
  invokedMs: 1,
  endedMs: 2,
  outcome: 'ok',
  served: { server: '10.0.0.1:5432', timeline, lsn: '0/1', backendPid: 1 },
});
const noData = { checked: 2, lost: [], duplicated: [], resurrected: [], foreign: [], surfaced: 0 };
const lived: Lived = { figures: goodFigures, entries: [entry(1, 'proxy', 1), entry(2, 'n1', 2)], errors: [], back: true, well: true };

describe('the result of a heat', () => {
  it('tells lost rows of applications from those that were acknowledged past the proxy', () => {
    const lost = [
      { writer: 1, seq: 1 },
      { writer: 2, seq: 1 },
    ];
    expect(resultOf({ ...lived, figures: { ...goodFigures, data: { ...noData, lost } } })).toMatchObject({ lost: 2, lostPastProxy: 1 });
  });

  it('takes rows that could not be looked up for unknown, and not for kept', () => {
    expect(resultOf({ ...lived, figures: { ...goodFigures, data: null } })).toMatchObject({ lost: null, lostPastProxy: null });
  });

  it('counts failovers by the timelines that clients saw, and errors by where they met them', () => {
    const error = { atMs: 1, writer: 1, route: 'proxy', code: '57P01', message: '' };
    const errors = [
      { ...error, phase: 'session' as const },
      { ...error, phase: 'connect' as const },
      { ...error, phase: 'connect' as const },
    ];
    expect(resultOf({ ...lived, errors })).toMatchObject({ failovers: 1, brokenSessions: 1, refusedConnections: 2 });
  });

  it('is not back while an outage had not ended', () => {
    const outage = { ...goodFigures.outage, ended: false };
    expect(resultOf({ ...lived, figures: { ...goodFigures, outage } }).back).toBe(false);
  });

  it('counts a timeline with two servers and a late acknowledgement as a split', () => {
    const shared = [{ timeline: 2, servers: ['a', 'b'] }];
    expect(resultOf({ ...lived, figures: { ...goodFigures, epochs: { ...goodFigures.epochs, shared } } }).split).toBe(1);
  });
});

describe('the table', () => {
  const good = resultOf(lived);
  const record = (entrant: string, result: Result | null, trial = 1): HeatRecord => ({
    entrant,
    fault: 'node-kill',
    trial,
    result,
    why: result === null ? 'broke off' : null,
  });
  const line = (records: readonly HeatRecord[]) => linesOf(records, ['node-kill'], ['pgbaton sync'])[0]!;

  it('has count, median and worst of each, and leaves nobody out', () => {
    const slow = { ...good, outageMs: 120_000, back: false };
    const lines = linesOf(
      [record('pgbaton sync', good), record('pgbaton sync', slow, 2), record('patroni fast sync', null)],
      ['node-kill'],
      ['pgbaton sync', 'patroni fast sync'],
    );
    expect(lines).toMatchObject([
      { entrant: 'pgbaton sync', n: 2, outageMs: { n: 2, median: 60_450, max: 120_000 }, notBack: 1, failed: 0 },
      { entrant: 'patroni fast sync', n: 0, outageMs: null, failed: 1 },
    ]);
    const text = tableOf(lines, [record('patroni fast sync', null)]);
    expect(text).toContain('1 not back in time');
    expect(text).toContain('patroni fast sync, node-kill, trial 1: broke off');
  });

  it('says that promises were kept only of who lost nothing, split nothing, came back and could show it', () => {
    expect(keptPromises(line([record('pgbaton sync', good)]), true)).toBe(true);
    const spoilt: readonly (Partial<Result> | null)[] = [
      null,
      { lost: 1 },
      { lost: null },
      { split: 1 },
      { back: false },
      { wrongRows: 1 },
      { divergedNodes: 1 },
    ];
    for (const one of spoilt) {
      const records = [record('pgbaton sync', good), record('pgbaton sync', one === null ? null : { ...good, ...one }, 2)];
      expect(keptPromises(line(records), true), JSON.stringify(one)).toBe(false);
    }
    expect(keptPromises(line([]), true)).toBe(false);
  });

  it('promises no row of commits that do not wait, and everything else all the same', () => {
    const withLoss = (more: Partial<Result>) => line([record('pgbaton sync', { ...good, lost: 3, ...more })]);
    expect(keptPromises(withLoss({}), false)).toBe(true);
    expect(keptPromises(withLoss({ split: 1 }), false)).toBe(false);
  });
});
