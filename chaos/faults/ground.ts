/** The local cluster that faults are done to: where it lies, what it was made as, and the tools that some faults need. */
import type { Layout } from '../../cli/local/layout.ts';
import type { LocalPlan } from '../../cli/local/plan.ts';

export type Ground = {
  readonly plan: LocalPlan;
  readonly layout: Layout;
  /** Connection string of the superuser through the proxy. */
  readonly uri: string;
  /** Null: this machine does not have it. */
  readonly tools: { readonly nft: string | null; readonly strace: string | null };
};

/** Connection string of the superuser at one node, past the proxy. */
export function directUri({ plan, uri }: Pick<Ground, 'plan' | 'uri'>, node: string): string {
  const found = nodeOf(plan, node);
  const url = new URL(uri);
  url.hostname = found.host;
  url.port = String(found.pgPort);
  return url.href;
}

export function nodeOf(plan: LocalPlan, node: string): LocalPlan['nodes'][number] {
  const found = plan.nodes.find(({ name }) => name === node);
  if (found === undefined) throw new Error(`there is no node ${node}`);
  return found;
}
