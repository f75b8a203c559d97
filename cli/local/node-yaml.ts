/**
 * The configuration files of a local cluster, in the very shape an operator would write: what works here works on real machines. They hold
 * paths of secrets, never secrets.
 */
import { stringify } from 'yaml';
import type { Layout } from './layout.ts';
import { etcdEndpoints, PROXY_NAME, type LocalPlan } from './plan.ts';

export function nodeYaml(
  plan: LocalPlan,
  layout: Layout,
  name: string,
  at: { readonly host: string; readonly pgPort: number; readonly apiPort: number },
): string {
  return stringify({
    cluster: plan.cluster,
    name,
    etcd: { endpoints: etcdEndpoints(plan) },
    api: { host: at.host, port: at.apiPort },
    postgres: {
      dataDir: layout.dataDir(name),
      binDir: plan.postgresBinDir,
      port: at.pgPort,
      listenAddresses: at.host,
      advertiseHost: at.host,
      ...(plan.osUser === null ? {} : { osUser: plan.osUser }),
    },
    secrets: {
      superuserPasswordFile: layout.secret('superuser-password'),
      replicationPasswordFile: layout.secret('replication-password'),
      monitorPasswordFile: layout.secret('monitor-password'),
      rewindPasswordFile: layout.secret('rewind-password'),
      peerTokenFile: layout.secret('peer-token'),
    },
    stateDir: layout.stateDir(name),
    runDir: layout.runDir(name),
    policy: { mode: plan.mode },
  });
}

export function proxyYaml(plan: LocalPlan, layout: Layout): string {
  return stringify({
    cluster: plan.cluster,
    id: PROXY_NAME,
    etcd: { endpoints: etcdEndpoints(plan) },
    listenHost: plan.proxy.host,
    rwPort: plan.proxy.rwPort,
    roPort: plan.proxy.roPort,
    api: { host: plan.proxy.host, port: plan.proxy.apiPort },
    // `local down` is not to wait for a psql that somebody left open.
    drainMs: 1_000,
    secrets: { peerTokenFile: layout.secret('peer-token') },
  });
}
