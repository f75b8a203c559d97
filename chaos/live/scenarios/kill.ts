/** Something dies by SIGKILL, without a word: the primary's server, one of its sessions, a whole node. */
import { killBackend, killPostmaster } from '../../faults/signals.ts';
import { between, pick } from '../dice.ts';
import { AROUND_SECONDS, NODE_LOST, nothingHappens, oneFailover, POSTGRES_CRASH, STANDBY_LOST, type Scenario } from '../scenario.ts';

const TAKEN_OVER_WITHIN_MS = 15_000;

export const postmasterKill: Scenario = {
  name: 'postmaster-kill',
  faults: ['F1'],
  does: "kill -9 of the primary's postmaster; agent and guard live",
  holds: 'a standby takes over without waiting for any lease',
  clientsSee: 'open sessions end, and a commit on its way has an unknown outcome; new sessions wait at the proxy until another node serves',
  heals: 'nothing to heal: the old primary comes back as a standby',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(POSTGRES_CRASH),
  secondsExpected: () => AROUND_SECONDS + 2,
  prepare: null,
  play: async (stage) => {
    await stage.strike(killPostmaster(stage.ground, stage.leader));
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
  },
};

export const backendKill: Scenario = {
  name: 'backend-kill',
  faults: ['F1'],
  does: 'kill -9 of one client session of the primary, after which PostgreSQL ends all of them and starts anew',
  holds: 'restarted in place or taken over, and either is quick',
  clientsSee: 'every session of the primary ends, and a commit on its way has an unknown outcome; new sessions wait at the proxy',
  heals: 'nothing to heal',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: { ...oneFailover(POSTGRES_CRASH), failovers: { least: 0, most: 1 } },
  secondsExpected: () => AROUND_SECONDS + 4,
  prepare: null,
  play: async (stage) => {
    await stage.strike(killBackend(stage.ground, stage.leader));
    await stage.pause(3_000);
  },
};

export const nodeKill: Scenario = {
  name: 'node-kill',
  faults: ['F7'],
  does: 'kill -9 of agent, guard, postmaster and every backend of the primary node at once',
  holds: 'a standby takes over after the silence, long before the lease ends',
  clientsSee: 'open sessions end, and a commit on its way has an unknown outcome; new sessions wait at the proxy until another node serves',
  heals: 'the node is switched on again and comes back as a standby',
  needs: [],
  onContainers: "docker kill of the primary's container, started again to heal",
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(NODE_LOST),
  secondsExpected: () => AROUND_SECONDS + 6,
  prepare: null,
  play: async (stage) => {
    const fault = stage.means.killNode(stage.leader);
    await stage.strike(fault);
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
    await stage.pause(between(stage.random, 500, 2_000));
    await stage.heal(fault);
  },
};

export const standbyKill: Scenario = {
  name: 'standby-kill',
  faults: ['F7'],
  does: 'kill -9 of everything of one standby node',
  holds: 'commits go on: the other standby acknowledges',
  clientsSee: 'at most a short pause, no error',
  heals: 'the node is switched on again',
  needs: [],
  onContainers: "docker kill of a standby's container, started again to heal",
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: nothingHappens(STANDBY_LOST),
  secondsExpected: () => AROUND_SECONDS + 8,
  prepare: null,
  play: async (stage) => {
    await stage.strikeFor(stage.means.killNode(pick(stage.random, stage.standbys)), between(stage.random, 3_000, 6_000));
  },
};
