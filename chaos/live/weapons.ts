/**
 * What the random mode strikes with, and which two of them may fall together. A weapon names a role, not a node: who leads is found out at the
 * moment of the blow, so that a second blow can hit the new leader just after the first one made it.
 */
import { PROXY_NAME } from '../../cli/local/plan.ts';
import { cpuLoad } from '../faults/cpu-load.ts';
import { delayEtcdFsync, freezeEtcdMember, killEtcdMembers } from '../faults/etcd.ts';
import type { Fault } from '../faults/fault.ts';
import { freezeNode } from '../faults/freeze-node.ts';
import type { Ground } from '../faults/ground.ts';
import { killNode } from '../faults/kill-node.ts';
import { partition, type Direction } from '../faults/partition.ts';
import {
  killAgent,
  killBackend,
  killGuard,
  killPostmaster,
  killProxy,
  stopAgent,
  stopCheckpointer,
  stopPostmaster,
  stopProxy,
} from '../faults/signals.ts';
import { switchover } from '../faults/switchover.ts';
import type { Need } from './scenario.ts';

export type Role = 'leader' | 'standby' | 'etcd-leader' | 'etcd-follower' | 'nobody';

export type Weapon = {
  readonly name: string;
  readonly role: Role;
  readonly needs: readonly Need[];
  readonly holdMs: readonly [least: number, most: number];
  /** How many failovers it can justify. */
  readonly justifies: 0 | 1;
  readonly make: (ground: Ground, target: string, signal: AbortSignal) => Fault;
};

const BRIEF: Weapon['holdMs'] = [1_000, 4_000];
const LONG: Weapon['holdMs'] = [1_000, 12_000];

const etcdNames = ({ plan }: Ground): readonly string[] => plan.etcd.map(({ name }) => name);
const everybodyBut = (ground: Ground, node: string): readonly string[] => [
  ...ground.plan.nodes.map(({ name }) => name).filter((name) => name !== node),
  ...etcdNames(ground),
  PROXY_NAME,
];

function weapon(
  name: string,
  role: Role,
  holdMs: Weapon['holdMs'],
  justifies: 0 | 1,
  make: Weapon['make'],
  needs: readonly Need[] = [],
): Weapon {
  return { name, role, holdMs, justifies, make, needs };
}

function cut(
  name: string,
  role: Role,
  direction: Direction,
  justifies: 0 | 1,
  from: (ground: Ground, node: string) => readonly string[],
): Weapon {
  const make: Weapon['make'] = (ground, node) => partition(ground, { component: node, from: from(ground, node), direction });
  return weapon(name, role, LONG, justifies, make, ['namespaces', 'nft']);
}

export const WEAPONS: readonly Weapon[] = [
  weapon('postmaster-kill', 'leader', BRIEF, 1, killPostmaster),
  weapon('backend-kill', 'leader', BRIEF, 1, killBackend),
  weapon('node-kill', 'leader', LONG, 1, killNode),
  weapon('node-freeze', 'leader', LONG, 1, freezeNode),
  weapon('agent-kill', 'leader', BRIEF, 0, killAgent),
  weapon('agent-stop', 'leader', LONG, 1, stopAgent),
  weapon('guard-kill', 'leader', BRIEF, 1, killGuard),
  weapon('postmaster-stop', 'leader', BRIEF, 1, stopPostmaster),
  weapon('checkpointer-stop', 'leader', BRIEF, 1, stopCheckpointer),
  weapon('switchover', 'nobody', BRIEF, 1, (ground, _target, signal) => switchover(ground, null, signal)),
  weapon('standby-kill', 'standby', LONG, 0, killNode),
  weapon('standby-freeze', 'standby', LONG, 0, freezeNode),
  weapon('standby-postmaster-kill', 'standby', BRIEF, 0, killPostmaster),
  weapon('standby-agent-stop', 'standby', LONG, 0, stopAgent),
  weapon('etcd-leader-freeze', 'etcd-leader', LONG, 0, freezeEtcdMember),
  weapon('etcd-follower-freeze', 'etcd-follower', LONG, 0, freezeEtcdMember),
  weapon('etcd-leader-kill', 'etcd-leader', LONG, 0, (ground, member) => killEtcdMembers(ground, [member])),
  weapon('etcd-leader-fsync-stall', 'etcd-leader', BRIEF, 0, (ground, member) => delayEtcdFsync(ground, member, 4_000), ['strace']),
  weapon('etcd-kill-all', 'nobody', LONG, 0, (ground) => killEtcdMembers(ground, etcdNames(ground))),
  weapon('proxy-kill', 'nobody', BRIEF, 0, (ground) => killProxy(ground)),
  weapon('proxy-stop', 'nobody', LONG, 0, (ground) => stopProxy(ground)),
  weapon('cpu-load', 'nobody', LONG, 0, (ground) => cpuLoad(ground, 1)),
  cut('partition', 'leader', 'both', 1, everybodyBut),
  cut('partition-deaf', 'leader', 'deaf', 1, everybodyBut),
  cut('partition-mute', 'leader', 'mute', 1, everybodyBut),
  cut('partition-from-etcd', 'leader', 'both', 0, etcdNames),
  cut('partition-standby', 'standby', 'both', 0, everybodyBut),
];

/**
 * Pairs that make no sense: the second has nothing left to strike at, or undoes the first when it heals. Every other pair of two different weapons
 * may fall together.
 */
const INCOMPATIBLE: readonly (readonly [string, string])[] = [
  ['etcd-kill-all', 'etcd-leader-freeze'],
  ['etcd-kill-all', 'etcd-follower-freeze'],
  ['etcd-kill-all', 'etcd-leader-kill'],
  ['etcd-kill-all', 'etcd-leader-fsync-stall'],
  ['etcd-leader-kill', 'etcd-leader-fsync-stall'],
  ['etcd-leader-kill', 'etcd-leader-freeze'],
  ['etcd-leader-freeze', 'etcd-leader-fsync-stall'],
  ['partition', 'partition-deaf'],
  ['partition', 'partition-mute'],
  ['partition', 'partition-from-etcd'],
  ['proxy-kill', 'proxy-stop'],
];

export function mayFallTogether(one: Weapon, other: Weapon): boolean {
  if (one.name === other.name) return false;
  return !INCOMPATIBLE.some(([a, b]) => (a === one.name && b === other.name) || (a === other.name && b === one.name));
}
