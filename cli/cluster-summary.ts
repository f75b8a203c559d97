/** How complete a cluster is, in numbers and in one sentence. Pure. It only counts what nodes say of themselves; it decides nothing. */
import type { ClusterStatus, NodeStatus } from '../shared/domain/cluster-status.ts';

export type ClusterSummary = {
  readonly primaries: number;
  readonly streamingStandbys: number;
  /** Null when the cluster is whole: one open primary under a serving leader, and every other known node streams and counts. */
  readonly missing: string | null;
};

export function summarize(cluster: Pick<ClusterStatus, 'nodes' | 'leader'>): ClusterSummary {
  const seen = cluster.nodes.filter((node): node is NodeStatus => !('unreachable' in node));
  const primaries = seen.filter(({ postgres }) => postgres.kind === 'primary').length;
  const streamingStandbys = seen.filter(({ postgres }) => postgres.kind === 'standby' && postgres.streaming).length;
  return { primaries, streamingStandbys, missing: whatIsMissing(cluster, seen, { primaries, streamingStandbys }) };
}

function whatIsMissing(
  { leader, nodes }: Pick<ClusterStatus, 'nodes' | 'leader'>,
  seen: readonly NodeStatus[],
  counts: Omit<ClusterSummary, 'missing'>,
): string | null {
  if (leader === null) return 'no leader yet';
  if (leader.state !== 'serving') return `the leader ${leader.name} is ${leader.state}`;
  if (counts.primaries !== 1) return `${String(counts.primaries)} primaries`;
  const lets = seen.some(({ name, postgres }) => name === leader.name && postgres.kind === 'primary' && postgres.open);
  if (!lets) return `the leader ${leader.name} does not let clients in`;
  const others = nodes.length - 1;
  if (counts.streamingStandbys < others) return `${String(counts.streamingStandbys)} of ${String(others)} standbys stream`;
  // In async mode nobody has to acknowledge, so the set says nothing about completeness.
  if (leader.mode === 'quorum' && leader.members.length < others)
    return `${String(leader.members.length)} of ${String(others)} standbys are in the set`;
  return null;
}
