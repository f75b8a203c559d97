/** The risk of a planned or forced move, in numbers, as it is put to the operator. Pure. It must never say "no loss" of what it cannot know. */
import type { ClusterStatus, NodeStatus } from '../shared/domain/cluster-status.ts';
import { formatBytes, plural } from './render/format.ts';

function find(cluster: ClusterStatus, name: string): NodeStatus | null {
  const node = cluster.nodes.find((one) => one.name === name);
  return node === undefined || 'unreachable' in node ? null : node;
}

function replicationOf(cluster: ClusterStatus, to: string | null): string {
  const standbys = cluster.nodes.filter(({ name }) => name !== cluster.leader?.name && (to === null || name === to));
  return standbys
    .map(({ name }) => {
      const node = find(cluster, name);
      if (node === null) return `${name} does not answer`;
      const member = node.member !== null && (cluster.leader?.members.includes(node.member) ?? false);
      return `${name} is ${formatBytes(node.lagBytes)} behind and ${member ? 'in the set' : 'not in the set'}`;
    })
    .join('; ');
}

export function switchoverRisks(cluster: ClusterStatus, to: string | null): readonly string[] {
  const { leader } = cluster;
  if (leader === null) return ['There is no leader at the moment.'];
  return [
    `Leadership moves from ${leader.name} (epoch ${leader.epoch}) to ${to ?? 'the best standby'}. ${replicationOf(cluster, to)}.`,
    `The set has ${plural(leader.members.length, 'member')}, ${String(leader.k)} acknowledge each commit. No acknowledged commit can be lost: the move waits until everything has arrived, or is aborted.`,
    'Writes pause for about 0.2 s; 0.6 s is expected at worst.',
  ];
}

export type FailoverRequest = { readonly to: string; readonly declareLost: readonly string[]; readonly force: boolean };

export function failoverRisks(cluster: ClusterStatus | null, { to, declareLost, force }: FailoverRequest): readonly string[] {
  if (cluster === null || cluster.leader === null) {
    return [
      `${to} is asked to take over. Nobody knows the leader at the moment, so what could be lost cannot be said in numbers.`,
      ...forceRisk(force),
    ];
  }
  const { leader } = cluster;
  const needed = leader.k === 0 ? null : leader.members.length - leader.k + 1;
  return [
    `${to} is asked to take over from ${leader.name} (epoch ${leader.epoch}, ${leader.mode} mode). ${replicationOf(cluster, to)}.`,
    ...(declareLost.length === 0
      ? [fencedRisk(cluster, needed)]
      : [
          `${declareLost.join(', ')} will count as lost for ever and may not come back as ${declareLost.length === 1 ? 'a member' : 'members'}. Commits that were acknowledged and exist on nobody else ARE LOST: at least what ${to} is behind, possibly more.`,
        ]),
    ...forceRisk(force),
  ];
}

function fencedRisk({ leader }: ClusterStatus, needed: number | null): string {
  if (leader === null) return '';
  if (leader.mode === 'async') return 'Async mode: commits are acknowledged before a standby has them. Whatever has not arrived is lost.';
  if (needed === null) return `The set is empty: only ${leader.name} has every acknowledged commit, so without it this will be refused.`;
  return `It needs ${plural(needed, 'promise')} out of ${plural(leader.members.length, 'member')}. With them no acknowledged commit can be lost; without them it is refused.`;
}

function forceRisk(force: boolean): readonly string[] {
  return force ? ['--force: what the election would have waited for is skipped. Be sure that the old leader is dead.'] : [];
}
