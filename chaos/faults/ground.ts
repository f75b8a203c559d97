/**
 * The cluster that faults are done to. All that clients and observers need to know of it is its field; a local cluster is more: processes and
 * files of this machine, and the tools that some faults need.
 */
import type { Layout } from '../../cli/local/layout.ts';
import type { LocalPlan } from '../../cli/local/plan.ts';

/** Who is there, and where they answer to somebody who goes past the proxy. */
export type Roster = Pick<LocalPlan, 'nodes' | 'etcd'>;

export type Field = {
  readonly plan: Roster;
  /** Connection string of the superuser through the proxy. */
  readonly uri: string;
};

export type Ground = Field & {
  readonly plan: LocalPlan;
  readonly layout: Layout;
  /** Null: this machine does not have it. */
  readonly tools: { readonly nft: string | null; readonly strace: string | null };
};

/** Connection string of the superuser at one node, past the proxy. */
export function directUri({ plan, uri }: Field, node: string): string {
  const found = nodeOf(plan, node);
  const url = new URL(uri);
  url.hostname = found.host;
  url.port = String(found.pgPort);
  return url.href;
}

export function nodeOf(plan: Roster, node: string): Roster['nodes'][number] {
  const found = plan.nodes.find(({ name }) => name === node);
  if (found === undefined) throw new Error(`there is no node ${node}`);
  return found;
}
