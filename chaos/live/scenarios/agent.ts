/** The primary's agent stands still while its PostgreSQL goes on: shorter than its lease, and much longer. */
import { DEFAULT_POLICY } from '../../../shared/domain/policy.ts';
import { monotonicMs } from '../../../shared/runtime/clock.ts';
import { processesOfNode } from '../../faults/node-processes.ts';
import { isAlive, requireHandle } from '../../faults/process-handle.ts';
import { killAgent, stopAgent } from '../../faults/signals.ts';
import { AROUND_SECONDS, nothingHappens, oneFailover, type Scenario } from '../scenario.ts';

const { ttlMs } = DEFAULT_POLICY;
const FELT_BY_NOBODY = nothingHappens({ medianMs: null, maxMs: 200, origin: 'own' });

export const agentFreezeHalfTtl: Scenario = {
  name: 'agent-freeze-half-ttl',
  faults: ['F5'],
  does: "SIGSTOP of the primary's agent for half a lease",
  holds: 'nothing happens',
  clientsSee: 'nothing',
  heals: 'the agent goes on',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: FELT_BY_NOBODY,
  secondsExpected: () => AROUND_SECONDS + ttlMs / 2_000 + 3,
  prepare: null,
  play: async (stage) => {
    await stage.strikeFor(stopAgent(stage.ground, stage.leader), ttlMs / 2);
    await stage.pause(2_000);
  },
};

export const agentFreeze3Ttl: Scenario = {
  name: 'agent-freeze-3-ttl',
  faults: ['F5'],
  does: "SIGSTOP of the primary's agent for three leases",
  holds: 'exactly one failover, and the old PostgreSQL is dead when its right to serve ends',
  clientsSee: 'commits go on until the right of the old primary ends; then its sessions end, and new ones wait at the proxy',
  heals: 'the agent goes on',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  // Counted from the last write of the old primary, which serves until its deadline.
  demand: oneFailover({ medianMs: null, maxMs: 2_000, origin: 'own' }),
  secondsExpected: () => AROUND_SECONDS + (3 * ttlMs) / 1_000 + 3,
  prepare: null,
  play: async (stage) => {
    const postmaster = requireHandle(processesOfNode(stage.ground.layout, stage.leader).postmaster, 'the old postmaster');
    const fault = stopAgent(stage.ground, stage.leader);
    const frozenMs = monotonicMs();
    await stage.strike(fault);
    await stage.until('the old PostgreSQL is dead', 3 * ttlMs, async () => (isAlive(postmaster) ? null : true));
    const deadAfterMs = monotonicMs() - frozenMs;
    // The last right was counted from before the freeze, so it ends at the latest one lease after it. The look takes 50 ms.
    stage.check(
      'the old PostgreSQL is dead when its right to serve ends',
      deadAfterMs <= ttlMs + 50,
      `${deadAfterMs.toFixed(0)} ms after the freeze`,
    );
    await stage.untilAnotherLeads(stage.leader, 2 * ttlMs);
    await stage.pause(Math.max(0, 3 * ttlMs - (monotonicMs() - frozenMs)));
    await stage.heal(fault);
    await stage.pause(2_000);
  },
};

export const agentKill: Scenario = {
  name: 'agent-kill',
  faults: ['F4'],
  does: "kill -9 of the primary's agent; its supervisor starts it again",
  holds: 'nothing happens: PostgreSQL goes on under its guard',
  clientsSee: 'nothing',
  heals: 'nothing to heal',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 1,
  mode: 'quorum',
  demand: FELT_BY_NOBODY,
  secondsExpected: () => AROUND_SECONDS + 5,
  prepare: null,
  play: async (stage) => {
    await stage.strike(killAgent(stage.ground, stage.leader));
    await stage.pause(4_000);
  },
};
