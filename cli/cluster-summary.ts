/** How complete a cluster is, in numbers. Pure. It only counts what nodes say of themselves; it decides nothing. */
import type { ClusterStatus, NodeStatus } from '../shared/domain/cluster-status.ts';

export type ClusterSummary = { readonly primaries: number; readonly streamingStandbys: number };

export function summarize({ nodes }: Pick<ClusterStatus, 'nodes'>): ClusterSummary {
  const seen = nodes.filter((node): node is NodeStatus => !('unreachable' in node));
  return {
    primaries: seen.filter(({ postgres }) => postgres.kind === 'primary').length,
    streamingStandbys: seen.filter(({ postgres }) => postgres.kind === 'standby' && postgres.streaming).length,
  };
}

/** Null when the cluster is as it should be: one open primary under a serving leader, and everybody else streams and counts. */
export function whatIsMissing(cluster: ClusterStatus, nodeCount: number): string | null {
  const { leader } = cluster;
  if (leader === null) return 'no leader yet';
  if (leader.state !== 'serving') return `the leader ${leader.name} is ${leader.state}`;
  const { primaries, streamingStandbys } = summarize(cluster);
  if (primaries !== 1) return `${String(primaries)} primaries`;
  if (!cluster.nodes.some((node) => node.name === leader.name && !('unreachable' in node) && node.postgres.kind === 'primary' && node.postgres.open)) {
    return `the primary ${leader.name} does not let clients in yet`;
  }
  if (streamingStandbys < nodeCount - 1) return `${String(streamingStandbys)} of ${String(nodeCount - 1)} standbys stream`;
  if (leader.mode === 'quorum' && leader.members.length < nodeCount - 1) return `${String(leader.members.length)} of ${String(nodeCount - 1)} standbys are in the set`;
  return null;
}
