/** A trial in which everything held, for tests to spoil in one place each. */
import type { Trial } from '../../../../chaos/live/judge.ts';
import type { Figures } from '../../../../chaos/live/measure.ts';
import { perKind, type FlawKind, type WorkloadVerdict } from '../../../../chaos/workload/workload.ts';
import { NODE_LOST, oneFailover, type Scenario } from '../../../../chaos/live/scenario.ts';

export const goodFigures: Figures = {
  outage: { fromMs: 0, toMs: 900, lengthMs: 900, ended: true },
  freshOutage: { fromMs: 0, toMs: 950, lengthMs: 950, ended: true },
  clientErrors: 5,
  errorCodes: { '57P01': 5 },
  acknowledged: 1_000,
  acknowledgedDirectly: 100,
  data: { checked: 1_000, lost: [], duplicated: [], resurrected: [], foreign: [], surfaced: 0 },
  rpoMs: 0,
  epochs: { checked: 1_000, untold: 0, stale: [], shared: [] },
  vanished: 0,
  divergedNodes: [],
  epochsRaised: 1,
  failovers: 1,
  timeline: {
    fromMs: -300,
    untilMs: 1_500,
    standstill: { fromMs: -5, untilMs: 895 },
    bucketMs: 100,
    applications: [7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 8, 9, 8, 7, 9],
    directly: [2, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 1],
    leaderships: [
      { afterFaultMs: -290, timeline: 1, server: '127.0.0.1:5001', epoch: '1', holder: 'n1~0' },
      { afterFaultMs: 905, timeline: 2, server: '127.0.0.1:5002', epoch: '2', holder: 'n2~0' },
    ],
  },
};

const goodBank: WorkloadVerdict = {
  workload: 'bank',
  isRead: true,
  acknowledged: 200,
  failed: 30,
  unknown: 2,
  surfaced: 1,
  reads: 90,
  flaws: perKind(() => []),
};

export const goodLists: WorkloadVerdict = { ...goodBank, workload: 'list-append' };

export function spoilt(kind: FlawKind, ...what: readonly string[]): WorkloadVerdict {
  return { ...goodBank, flaws: { ...goodBank.flaws, [kind]: what } };
}

export const goodTrial: Trial = {
  scenario: 'node-kill',
  trial: 1,
  seed: '1',
  leader: 'n1',
  figures: goodFigures,
  workloads: [goodBank, goodLists],
  findings: [],
  stopped: null,
  wholeAfterMs: 2_000,
  happenings: [
    { kind: 'said', afterFaultMs: -1_400, text: 'n1 leads, epoch 1' },
    { kind: 'struck', fault: 'kill n1', lasts: true, afterFaultMs: 0, text: 'kill -9 of every process of n1' },
    { kind: 'said', afterFaultMs: 911, text: 'n2 leads, epoch 2' },
    { kind: 'healed', fault: 'kill n1', afterFaultMs: 1_300, text: 'healed: kill n1' },
  ],
};

export const nodeKillSample: Scenario = {
  name: 'node-kill',
  faults: ['F7'],
  does: 'kills a node',
  holds: 'another takes over',
  clientsSee: 'a pause',
  heals: 'the node comes back',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(NODE_LOST),
  secondsExpected: () => 1,
  prepare: null,
  play: async () => undefined,
};
