/**
 * Every scenario there is: those of `run --all`, in the order in which they are played, what is quick and common first; and apart from them those that
 * test the judge, and have to fail.
 */
import type { Scenario } from './scenario.ts';
import { agentFreeze3Ttl, agentFreezeHalfTtl, agentKill } from './scenarios/agent.ts';
import { diskFull, diskHang } from './scenarios/disk.ts';
import {
  cpuLoadWithEtcdStalls,
  etcdFollowerFreeze10s,
  etcdFollowerFsyncStall10s,
  etcdLeaderFreeze10s,
  etcdLeaderFsyncStall10s,
  etcdStopAll60s,
} from './scenarios/etcd.ts';
import { checkpointerStop, nodeFreeze, pauseContainer, postmasterStop, standbyFreeze } from './scenarios/freeze.ts';
import { backendKill, nodeKill, postmasterKill, standbyKill } from './scenarios/kill.ts';
import { maxConnectionsExhausted, plannedSwitchover, standbyPromotedByHand } from './scenarios/operator.ts';
import {
  partitionPrimary,
  partitionPrimaryDeaf,
  partitionPrimaryFromEtcd,
  partitionPrimaryFromOneStandby,
  partitionPrimaryFromStandbys,
  partitionPrimaryMute,
  partitionProxyFromEtcd,
  partitionStandby,
} from './scenarios/partition.ts';
import { replicationPausedWithoutQuorum } from './scenarios/sabotage.ts';

export const SCENARIOS: readonly Scenario[] = [
  postmasterKill,
  nodeKill,
  plannedSwitchover,
  nodeFreeze,
  pauseContainer,
  backendKill,
  standbyKill,
  standbyFreeze,
  agentKill,
  agentFreezeHalfTtl,
  agentFreeze3Ttl,
  etcdLeaderFreeze10s,
  etcdFollowerFreeze10s,
  etcdLeaderFsyncStall10s,
  etcdFollowerFsyncStall10s,
  etcdStopAll60s,
  checkpointerStop,
  maxConnectionsExhausted,
  standbyPromotedByHand,
  postmasterStop,
  partitionPrimary,
  partitionPrimaryDeaf,
  partitionPrimaryMute,
  partitionPrimaryFromEtcd,
  partitionPrimaryFromStandbys,
  partitionPrimaryFromOneStandby,
  partitionStandby,
  partitionProxyFromEtcd,
  diskFull,
  diskHang,
  cpuLoadWithEtcdStalls,
];

/** Clusters that are made to lose something: a judge who passes one of them can be believed nothing else. Never part of `run --all`. */
export const SABOTAGE: readonly Scenario[] = [replicationPausedWithoutQuorum];

export function scenarioNamed(name: string): Scenario | null {
  return [...SCENARIOS, ...SABOTAGE].find((scenario) => scenario.name === name) ?? null;
}
