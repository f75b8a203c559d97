/** Every scenario there is, in the order in which `run --all` plays them: what is quick and common first. */
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
import { checkpointerStop, nodeFreeze, postmasterStop, standbyFreeze } from './scenarios/freeze.ts';
import { backendKill, nodeKill, postmasterKill, standbyKill } from './scenarios/kill.ts';
import { maxConnectionsExhausted, plannedSwitchover, standbyPromotedByHand } from './scenarios/operator.ts';
import {
  nodePartition,
  nodePartitionDeaf,
  nodePartitionFromEtcd,
  nodePartitionFromOneStandby,
  nodePartitionFromStandbys,
  nodePartitionMute,
  proxyPartitionFromEtcd,
  standbyPartition,
} from './scenarios/partition.ts';

export const SCENARIOS: readonly Scenario[] = [
  postmasterKill,
  nodeKill,
  plannedSwitchover,
  nodeFreeze,
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
  nodePartition,
  nodePartitionDeaf,
  nodePartitionMute,
  nodePartitionFromEtcd,
  nodePartitionFromStandbys,
  nodePartitionFromOneStandby,
  standbyPartition,
  proxyPartitionFromEtcd,
  diskFull,
  diskHang,
  cpuLoadWithEtcdStalls,
];

export function scenarioNamed(name: string): Scenario | null {
  return SCENARIOS.find((scenario) => scenario.name === name) ?? null;
}
