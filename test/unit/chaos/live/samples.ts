/** A trial in which everything held, for tests to spoil in one place each. */
import type { Trial } from '../../../../chaos/live/judge.ts';
import type { Figures } from '../../../../chaos/live/measure.ts';
import { NODE_LOST, oneFailover, type Scenario } from '../../../../chaos/live/scenario.ts';

export const goodFigures: Figures = {
  outage: { fromMs: 0, toMs: 900, lengthMs: 900, ended: true },
  freshOutage: { fromMs: 0, toMs: 950, lengthMs: 950, ended: true },
  clientErrors: 5,
  errorCodes: { '57P01': 5 },
  acknowledged: 1_000,
  acknowledgedDirectly: 100,
  data: { checked: 1_000, lost: [], duplicated: [], resurrected: [], foreign: [], surfaced: 0 },
  epochs: { checked: 1_000, untold: 0, stale: [], shared: [] },
  vanished: 0,
  divergedNodes: [],
  epochsRaised: 1,
  failovers: 1,
};

export const goodTrial: Trial = {
  scenario: 'node-kill',
  trial: 1,
  seed: '1',
  leader: 'n1',
  figures: goodFigures,
  findings: [],
  stopped: null,
  wholeAfterMs: 2_000,
  happenings: [],
};

export const nodeKillSample: Scenario = {
  name: 'node-kill',
  faults: ['F7'],
  does: 'kills a node',
  holds: 'another takes over',
  heals: 'the node comes back',
  needs: [],
  etcdMembersLeast: 1,
  demand: oneFailover(NODE_LOST),
  secondsExpected: () => 1,
  prepare: null,
  play: async () => undefined,
};
