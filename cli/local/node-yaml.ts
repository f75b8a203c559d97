/**
 * The configuration files of a local cluster, in the very shape an operator would write: what works here works on real machines. They hold
 * paths of secrets, never secrets.
 */
import { stringify } from 'yaml';
import type { Layout } from './layout.ts';
import { etcdEndpoints, HOST, type LocalPlan } from './plan.ts';
import { PROXY_NAME } from './programs.ts';

export function nodeYaml(
  plan: LocalPlan,
  layout: Layout,
  name: string,
  ports: { readonly pgPort: number; readonly apiPort: number },
): string {
  return stringify({
    cluster: plan.cluster,
    name,
    etcd: { endpoints: etcdEndpoints(plan) },
    api: { host: HOST, port: ports.apiPort },
    postgres: {
      dataDir: layout.dataDir(name),
      binDir: plan.postgresBinDir,
      port: ports.pgPort,
      listenAddresses: HOST,
      advertiseHost: HOST,
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

export function proxyYaml(plan: LocalPlan): string {
  return stringify({
    cluster: plan.cluster,
    id: PROXY_NAME,
    etcd: { endpoints: etcdEndpoints(plan) },
    listenHost: HOST,
    rwPort: plan.proxy.rwPort,
    roPort: plan.proxy.roPort,
    api: { host: HOST, port: plan.proxy.apiPort },
  });
}
