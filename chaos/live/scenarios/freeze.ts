/** Something stands still and comes back: a whole node, or one process of PostgreSQL. */
import { stopCheckpointer, stopPostmaster } from '../../faults/signals.ts';
import { between, pick } from '../dice.ts';
import {
  AROUND_SECONDS,
  GRAY,
  NODE_LOST,
  NODE_LOST_ON_CONTAINERS,
  nothingHappens,
  oneFailover,
  STANDBY_LOST,
  type Scenario,
} from '../scenario.ts';

const TAKEN_OVER_WITHIN_MS = 15_000;
/** Sessions of the old primary get the time to do what they must not be able to. */
const AFTER_THAW_MS = 4_000;

export const nodeFreeze: Scenario = {
  name: 'node-freeze',
  faults: ['F3', 'F6'],
  does: 'every process of the primary node is frozen at once, and thawed after the new leader serves',
  holds: 'a standby takes over, and the thawed primary acknowledges nothing, not even to sessions that were there before',
  clientsSee:
    'open sessions end, and a commit on its way has an unknown outcome; new sessions wait at the proxy until another node serves; a session of the thawed primary gets nothing acknowledged',
  heals: 'the node is thawed',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(NODE_LOST),
  secondsExpected: () => AROUND_SECONDS + 9,
  prepare: null,
  play: async (stage) => {
    const fault = stage.means.freezeNode(stage.leader);
    await stage.strike(fault);
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
    await stage.pause(between(stage.random, 500, 4_000));
    await stage.heal(fault);
    await stage.pause(AFTER_THAW_MS);
  },
};

/** The engine freezes a container as a freezer group does it; it has a name of its own because it is the same scenario by other means. */
export const pauseContainer: Scenario = {
  ...nodeFreeze,
  name: 'pause-container',
  does: "docker pause of the primary's container, unpaused after the new leader serves",
  heals: 'docker unpause',
  needs: ['containers'],
  demand: oneFailover(NODE_LOST_ON_CONTAINERS),
  onContainers: "docker pause of the primary's container, unpaused after the new leader serves",
};

export const standbyFreeze: Scenario = {
  name: 'standby-freeze',
  faults: ['F6'],
  does: 'every process of one standby node is frozen, and thawed after some seconds',
  holds: 'commits go on: the other standby acknowledges',
  clientsSee: 'at most a short pause, no error',
  heals: 'the node is thawed',
  needs: [],
  onContainers: "docker pause of a standby's container, unpaused to heal",
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: nothingHappens(STANDBY_LOST),
  secondsExpected: () => AROUND_SECONDS + 9,
  prepare: null,
  play: async (stage) => {
    await stage.strikeFor(stage.means.freezeNode(pick(stage.random, stage.standbys)), between(stage.random, 4_000, 9_000));
  },
};

export const postmasterStop: Scenario = {
  name: 'postmaster-stop',
  faults: ['F2'],
  does: 'SIGSTOP of the postmaster alone: its sessions go on, nobody new gets in',
  holds: 'new sessions are let in again, by a failover',
  clientsSee: 'open sessions go on until the failover ends them; new ones wait at the proxy',
  heals: 'the postmaster goes on',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: oneFailover(GRAY),
  secondsExpected: () => AROUND_SECONDS + 16,
  prepare: null,
  play: async (stage) => {
    const fault = stopPostmaster(stage.ground, stage.leader);
    await stage.strike(fault);
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
    await stage.pause(1_000);
    await stage.heal(fault);
    await stage.pause(AFTER_THAW_MS);
  },
};

export const checkpointerStop: Scenario = {
  name: 'checkpointer-stop',
  faults: ['F2'],
  does: "SIGSTOP of the primary's checkpointer for 8 s",
  holds: 'commits go on: no checkpoint is due so soon',
  clientsSee: 'nothing',
  heals: 'the checkpointer goes on',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: nothingHappens({ medianMs: null, maxMs: 500, origin: 'own' }),
  secondsExpected: () => AROUND_SECONDS + 9,
  prepare: null,
  play: async (stage) => {
    await stage.strikeFor(stopCheckpointer(stage.ground, stage.leader), 8_000);
  },
};
