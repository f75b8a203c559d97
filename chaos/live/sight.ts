/**
 * What the agents of a cluster say, asked one by one with short deadlines: some of them are frozen or cut off. It is used to know when to go
 * on and to count claims; no verdict about data rests on it.
 */
import { z } from 'zod';
import { bestView } from '../../cli/agent-client.ts';
import { summarize } from '../../cli/cluster-summary.ts';
import { agentUrlsOf } from '../../cli/local/plan.ts';
import type { ClusterStatus, NodeStatus } from '../../shared/domain/cluster-status.ts';
import { httpJson } from '../../shared/http/client.ts';
import type { Roster } from '../faults/ground.ts';

const STATUS_MS = 400;
const CLUSTER_MS = 1_500;

const historySchema = z.object({
  entries: z.array(z.object({ epoch: z.string(), holder: z.string(), timeline: z.number(), why: z.string() })),
});

/** One leadership, as its claim recorded it. */
export type Claim = z.infer<typeof historySchema>['entries'][number];

export class Sight {
  readonly #plan: Roster;

  constructor(plan: Roster) {
    this.#plan = plan;
  }

  /** The nodes whose agents answer. */
  async statuses(): Promise<readonly NodeStatus[]> {
    const bodies = await this.#askAll('/status', STATUS_MS);
    return bodies.filter(isNodeStatus);
  }

  /** The newest node that says that it leads and lets writers in. */
  async servingLeader(): Promise<NodeStatus | null> {
    const leaders = (await this.statuses()).filter(
      ({ leadership, postgres }) => leadership === 'leader' && postgres.kind === 'primary' && postgres.open,
    );
    return leaders.toSorted((a, b) => Number(BigInt(b.epoch ?? '0') - BigInt(a.epoch ?? '0')))[0] ?? null;
  }

  async cluster(): Promise<ClusterStatus | null> {
    const bodies = await this.#askAll('/cluster', CLUSTER_MS);
    return bestView(bodies.filter(isClusterStatus));
  }

  /** Null when the cluster is whole; otherwise what is missing, in words. */
  async missing(): Promise<string | null> {
    const cluster = await this.cluster();
    if (cluster === null) return 'no agent answers';
    const { missing } = summarize(cluster);
    if (missing !== null) return missing;
    const [seen, planned] = [cluster.nodes.length, this.#plan.nodes.length];
    return seen === planned ? null : `${String(seen)} of ${String(planned)} nodes are known`;
  }

  /** All claims since the birth of the cluster, by the longest memory among the agents. */
  async claims(): Promise<readonly Claim[]> {
    const histories = (await this.#askAll('/history', CLUSTER_MS)).map((body) => historySchema.safeParse(body).data?.entries ?? []);
    return histories.reduce((longest, one) => (one.length > longest.length ? one : longest), []);
  }

  async #askAll(path: string, timeoutMs: number): Promise<readonly unknown[]> {
    const answers = await Promise.all(agentUrlsOf(this.#plan).map(async (base) => httpJson({ url: `${base}${path}`, timeoutMs })));
    return answers.flatMap((answer) => (answer.kind === 'ok' && answer.status === 200 ? [answer.body] : []));
  }
}

function isNodeStatus(body: unknown): body is NodeStatus {
  return typeof body === 'object' && body !== null && 'leadership' in body && 'postgres' in body;
}

function isClusterStatus(body: unknown): body is ClusterStatus {
  return typeof body === 'object' && body !== null && 'nodes' in body && 'leader' in body;
}
