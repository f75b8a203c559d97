/** What people and applications do to a cluster: a planned move, a promotion by hand, a connection pool that leaks. */
import { exhaustConnections } from '../../faults/crowd.ts';
import { promoteByHand } from '../../faults/promote-by-hand.ts';
import { switchover } from '../../faults/switchover.ts';
import { pick } from '../dice.ts';
import { AROUND_SECONDS, nothingHappens, PLANNED_MOVE, STANDBY_LOST, type Scenario } from '../scenario.ts';

export const plannedSwitchover: Scenario = {
  name: 'switchover',
  faults: ['F24'],
  does: 'pgbaton switchover to the best standby',
  holds: 'clients see a pause and no error',
  clientsSee: 'a pause, no error',
  heals: 'nothing to heal',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: { outage: PLANNED_MOVE, freshOutage: null, clientErrorsMax: 0, failovers: { least: 1, most: 1 } },
  secondsExpected: () => AROUND_SECONDS + 2,
  prepare: null,
  play: async (stage) => {
    await stage.strike(switchover(stage.ground, null, stage.signal));
    await stage.untilAnotherLeads(stage.leader, 10_000);
  },
};

export const standbyPromotedByHand: Scenario = {
  name: 'standby-promoted-by-hand',
  faults: ['F26'],
  does: 'pg_ctl promote on a standby, behind everybody’s back',
  holds: 'the true primary goes on, the other acknowledges nothing and is made a standby again',
  clientsSee: 'at most a short pause, no error; past the proxy, that standby acknowledges nothing',
  heals: 'nothing to heal: the cluster has to set it right',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: nothingHappens(STANDBY_LOST),
  secondsExpected: () => AROUND_SECONDS + 10,
  prepare: null,
  play: async (stage) => {
    await stage.strike(promoteByHand(stage.ground, pick(stage.random, stage.standbys)));
    await stage.pause(6_000);
  },
};

export const maxConnectionsExhausted: Scenario = {
  name: 'max-connections-exhausted',
  faults: ['F20'],
  does: 'idle sessions take every connection of the primary that an application can get, for 8 s',
  holds: 'sessions that are there go on, and no failover: a full house is no dead one',
  clientsSee: 'open sessions go on; new ones are refused until there is room',
  heals: 'the idle sessions leave',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: {
    outage: { medianMs: null, maxMs: 1_000, origin: 'own' },
    freshOutage: null,
    clientErrorsMax: null,
    failovers: { least: 0, most: 0 },
  },
  secondsExpected: () => AROUND_SECONDS + 11,
  prepare: null,
  play: async (stage) => {
    await stage.strikeFor(exhaustConnections(stage.ground, stage.leader), 8_000);
  },
};
