/** The judge is judged: every way in which a trial can be bad is forged once, and none may pass. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../../chaos/ledger/entry.ts';
import type { Acknowledged } from '../../../../chaos/ledger/epochs.ts';
import { isSuspicious, judgeTimes, judgeTrial, needlessFailovers, type Trial } from '../../../../chaos/live/judge.ts';
import type { Figures } from '../../../../chaos/live/measure.ts';
import { ETCD_TROUBLE, NODE_LOST, nothingHappens, oneFailover } from '../../../../chaos/live/scenario.ts';
import { FLAW_KINDS, type WorkloadVerdict } from '../../../../chaos/workload/workload.ts';
import { goodFigures, goodLists, goodTrial, spoilt } from './samples.ts';

const demand = oneFailover(NODE_LOST);
const data = { checked: 1_000, lost: [], duplicated: [], resurrected: [], foreign: [], surfaced: 0 };
const row = { writer: 0, seq: 7 };
const acknowledged: Entry & Acknowledged = {
  ...row,
  route: 'n1',
  invokedMs: 5,
  endedMs: 6,
  outcome: 'ok',
  served: { server: 'a', timeline: 1, lsn: '0/1', backendPid: 1 },
};

function kinds(change: Partial<Trial>, of = demand): readonly string[] {
  return judgeTrial({ ...goodTrial, ...change }, of).map(({ kind }) => kind);
}

function withFigures(change: Partial<Figures>): Partial<Trial> {
  return { figures: { ...goodFigures, ...change } };
}

describe('the judge of one trial', () => {
  it('finds nothing in a trial in which everything held', () => {
    expect(judgeTrial(goodTrial, demand)).toEqual([]);
  });

  const unsafe: readonly (readonly [string, Partial<Figures>])[] = [
    ['a lost write', { data: { ...data, lost: [row] } }],
    ['a row of an earlier trial that is gone', { vanished: 1 }],
    ['a doubled row', { data: { ...data, duplicated: [row] } }],
    ['a row that had been rolled back', { data: { ...data, resurrected: [row] } }],
    ['a row that nobody wrote', { data: { ...data, foreign: [row] } }],
    [
      'an acknowledgement of a deposed primary',
      { epochs: { checked: 1, untold: 0, shared: [], stale: [{ entry: acknowledged, newest: acknowledged }] } },
    ],
    ['a timeline with two servers', { epochs: { checked: 1, untold: 0, stale: [], shared: [{ timeline: 2, servers: ['a', 'b'] }] } }],
    ['an acknowledgement that tells nothing', { epochs: { checked: 1, untold: 1, stale: [], shared: [] } }],
    ['a node with other rows than the leader', { divergedNodes: ['n2'] }],
    ['rows that could not be read', { data: null }],
    ['clients that hardly wrote', { acknowledged: 3 }],
    ['nobody past the proxy', { acknowledgedDirectly: 0 }],
  ];
  it.each(unsafe)('calls %s unsafe', (_, change) => {
    expect(kinds(withFigures(change))).toEqual(['unsafe']);
  });

  it.each(FLAW_KINDS)('calls a finding of the kind %s unsafe, whoever found it', (kind) => {
    expect(kinds({ workloads: [goodLists, spoilt(kind, 'one', 'another')] })).toEqual(['unsafe']);
    expect(judgeTrial({ ...goodTrial, workloads: [spoilt(kind, 'one', 'another')] }, demand)[0]?.text).toMatch(/^bank: 2 /);
  });

  it.each<[string, Partial<WorkloadVerdict>]>([
    ['that could not be read at the end', { isRead: false }],
    ['whose clients hardly wrote', { acknowledged: 3 }],
    ['whose clients hardly read', { reads: 1 }],
  ])('calls a workload %s unsafe', (_, change) => {
    expect(kinds({ workloads: [{ ...goodLists, ...change }] })).toEqual(['unsafe']);
  });

  const wrong: readonly (readonly [string, Partial<Trial>])[] = [
    ['writes that did not come back', withFigures({ outage: { ...goodFigures.outage, ended: false } })],
    ['new sessions that did not come back', withFigures({ freshOutage: { ...goodFigures.freshOutage, ended: false } })],
    ['a failover that was due and did not come', withFigures({ failovers: 0 })],
    ['a needless failover', withFigures({ failovers: 2 })],
    ['something the cluster did not reach', { stopped: 'not within 15 s: another leader' }],
    ['a cluster that did not become whole', { wholeAfterMs: null }],
    ['a finding that does not hold', { findings: [{ claim: 'dead in time', holds: false, seen: '9 s', timing: null }] }],
    ['a trial that measured nothing', { figures: null }],
  ];
  it.each(wrong)('calls %s wrong', (_, change) => {
    expect(kinds(change)).toEqual(['wrong']);
  });

  it('allows client errors only where the demand does', () => {
    expect(kinds(withFigures({ failovers: 0 }), nothingHappens(ETCD_TROUBLE))).toEqual(['wrong']);
    expect(kinds(withFigures({ failovers: 0, clientErrors: 0 }), nothingHappens(ETCD_TROUBLE))).toEqual([]);
  });
});

describe('the judge of times', () => {
  const lasting = (...lengthsMs: readonly number[]): readonly Trial[] =>
    lengthsMs.map((lengthMs) => ({ ...goodTrial, figures: { ...goodFigures, outage: { ...goodFigures.outage, lengthMs } } }));

  it('takes the median of all trials against one bound and the worst of them against the other', () => {
    expect(judgeTimes(lasting(1_000, 1_100, 1_900), demand)).toEqual([]);
    expect(judgeTimes(lasting(1_000, 1_300, 1_900), demand)).toHaveLength(1);
    expect(judgeTimes(lasting(1_000, 1_100, 2_100), demand)).toHaveLength(1);
  });

  it('finds a trial suspicious that was slower than the worst that is allowed, or took long to heal', () => {
    expect(lasting(2_000, 2_001).map((trial) => isSuspicious(trial, demand))).toEqual([false, true]);
    expect(isSuspicious({ ...goodTrial, wholeAfterMs: 31_000 }, demand)).toBe(true);
    expect(isSuspicious({ ...goodTrial, figures: null }, demand)).toBe(false);
  });

  it('passes nobody who measured nothing', () => {
    expect(judgeTimes([], demand)).toHaveLength(1);
    expect(judgeTimes([{ ...goodTrial, figures: null }], demand)).toHaveLength(1);
  });
});

describe('needless failovers', () => {
  it('are those beyond what was justified, and never less than none', () => {
    expect([needlessFailovers(0, 1), needlessFailovers(1, 1), needlessFailovers(3, 1)]).toEqual([0, 0, 2]);
  });
});
