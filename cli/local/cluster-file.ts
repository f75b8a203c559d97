/**
 * `cluster.json`: what runs in a local cluster, with pids, for people and for tests. It is replaced as a whole, never written in place. Nobody
 * may signal a pid because it stands here: it can be out of date.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Layout } from './layout.ts';
import { etcdEndpoints, httpUrl, PROXY_NAME, type LocalCluster, type LocalPlan } from './plan.ts';
import { readLocalSecret } from './secrets.ts';

/** What is known about the inside of a node: only its agent can tell. */
export type InnerPids = { readonly guard: number | null; readonly postmaster: number | null };

export function describeCluster(
  plan: LocalPlan,
  layout: Layout,
  seen: {
    readonly supervisorPid: number | null;
    readonly pids: ReadonlyMap<string, number | null>;
    readonly inner: ReadonlyMap<string, InnerPids>;
  },
): LocalCluster {
  const pid = (name: string): number | null => seen.pids.get(name) ?? null;
  return {
    dir: layout.dir,
    cluster: plan.cluster,
    supervisorPid: seen.supervisorPid,
    nodes: plan.nodes.map(({ name, host, pgPort, apiPort }) => ({
      name,
      pgHost: host,
      pgPort,
      agentUrl: httpUrl(host, apiPort),
      pids: { agent: pid(name), guard: seen.inner.get(name)?.guard ?? null, postmaster: seen.inner.get(name)?.postmaster ?? null },
      dataDir: layout.dataDir(name),
    })),
    proxy: {
      host: plan.proxy.host,
      rwPort: plan.proxy.rwPort,
      roPort: plan.proxy.roPort,
      url: httpUrl(plan.proxy.host, plan.proxy.apiPort),
      pid: pid(PROXY_NAME),
    },
    etcd: { endpoints: etcdEndpoints(plan), pids: plan.etcd.map(({ name }) => pid(name)) },
    superuserUri: `postgres://postgres:${readLocalSecret(layout, 'superuser-password')}@${plan.proxy.host}:${String(plan.proxy.rwPort)}/postgres`,
  };
}

export function writeClusterFile(layout: Layout, cluster: LocalCluster): void {
  const half = `${layout.runtime}.new`;
  writeFileSync(half, `${JSON.stringify(cluster, null, 2)}\n`, { mode: 0o600 });
  renameSync(half, layout.runtime);
}

/** Null when the cluster is down, or its supervisor has not come that far. */
export function readClusterFile(layout: Layout): LocalCluster | null {
  try {
    return JSON.parse(readFileSync(layout.runtime, 'utf8')) as LocalCluster;
  } catch {
    // Absent, or made unreadable by hand; the plan is what counts.
    return null;
  }
}
