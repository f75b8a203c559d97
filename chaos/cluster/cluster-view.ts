/**
 * What a demonstration or a trial sees of a cluster, through the same command line a person would use. The shapes are checked: who misreads the
 * cluster must stop, not report a wrong number.
 */
import { z } from 'zod';
import type { ClusterStatus, NodeStatus } from '../../shared/domain/cluster-status.ts';

const pid = z.number().int().positive();

export const localClusterSchema = z.object({
  dir: z.string(),
  cluster: z.string(),
  nodes: z.array(z.object({ name: z.string(), pgHost: z.string(), pgPort: z.number(), agentUrl: z.string(), dataDir: z.string() })).min(1),
  proxy: z.object({ host: z.string(), rwPort: z.number(), roPort: z.number() }),
  etcd: z.object({ endpoints: z.array(z.string()).min(1) }),
  superuserUri: z.string(),
});

export type LocalCluster = z.infer<typeof localClusterSchema>;

const viewSchema = z.object({
  nodes: z.array(z.object({ name: z.string() })),
  leader: z.unknown(),
  primaries: z.number(),
  streamingStandbys: z.number(),
  missing: z.string().nullable(),
});

export type ClusterView = ClusterStatus & {
  readonly primaries: number;
  readonly streamingStandbys: number;
  /** Null when the cluster is whole. */
  readonly missing: string | null;
};

/** Null for a line that is no picture of the cluster: while nobody answers, `list --watch` prints errors. */
export function parseView(line: string): ClusterView | null {
  try {
    const value: unknown = JSON.parse(line);
    return viewSchema.safeParse(value).success ? (value as ClusterView) : null;
  } catch {
    // A line cut off by the end of the process.
    return null;
  }
}

export function nodeOf(view: ClusterView, name: string): NodeStatus | null {
  const node = view.nodes.find((one) => one.name === name);
  return node === undefined || 'unreachable' in node ? null : node;
}

export function leaderOf(view: ClusterView): NodeStatus | null {
  return view.leader === null ? null : nodeOf(view, view.leader.name);
}

export type NodePids = { readonly agent: number; readonly guard: number; readonly postmaster: number };

/** The pids a fault needs; throws when the node does not tell them. */
export function pidsOf(node: NodeStatus): NodePids {
  return z
    .object({ agent: pid, guard: pid, postmaster: pid })
    .parse(node.pids, { error: () => `${node.name} does not tell its process ids` });
}

export function nodeUri(cluster: LocalCluster, name: string): string {
  const node = cluster.nodes.find((one) => one.name === name);
  if (node === undefined) throw new Error(`there is no node ${name}`);
  const uri = new URL(cluster.superuserUri);
  uri.hostname = node.pgHost;
  uri.port = String(node.pgPort);
  return uri.href;
}
