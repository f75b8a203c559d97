/** Not a test of pgbaton but of its judge: a cluster that is made to lose what it acknowledged. The verdict has to be "fail", with the lost rows. */
import { killNode } from '../../faults/kill-node.ts';
import { stopWalSenders } from '../../faults/signals.ts';
import { AROUND_SECONDS, oneFailover, type Scenario } from '../scenario.ts';

/** Long enough to acknowledge some hundred rows; a standby that hears nothing for 3 s connects anew, and would get them. */
const PAUSED_MS = 1_500;
const TAKEN_OVER_WITHIN_MS = 30_000;

export const replicationPausedWithoutQuorum: Scenario = {
  name: 'sabotage-replication-paused-without-quorum',
  faults: ['F7'],
  does: 'in async mode every WAL sender of the primary is stopped, and then its node is killed: what it acknowledged meanwhile is nowhere else',
  holds: 'nothing can: the judge has to find the lost rows, and the verdict has to be "fail"',
  clientsSee: 'rows that were acknowledged are gone',
  heals: 'the node is switched on again, too late for its rows',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'async',
  demand: oneFailover(null),
  secondsExpected: () => AROUND_SECONDS + 20,
  prepare: null,
  play: async (stage) => {
    await stage.strike(stopWalSenders(stage.ground, stage.leader));
    await stage.pause(PAUSED_MS);
    const fault = killNode(stage.ground, stage.leader);
    await stage.strike(fault);
    await stage.untilAnotherLeads(stage.leader, TAKEN_OVER_WITHIN_MS);
    await stage.heal(fault);
  },
};
