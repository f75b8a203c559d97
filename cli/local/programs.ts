/**
 * The command lines of a local cluster's processes. No secret may appear in them. The caller's own PGBATON_ and ETCD_ variables are withheld: they
 * configure a real node, and would override the files written for these.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from './keep-running.ts';
import type { Layout } from './layout.ts';
import { groupOf } from './freezer.ts';
import { namespacePath } from './network.ts';
import { namespaceOf } from './network-plan.ts';
import { etcdEndpoints, httpUrl, PROXY_NAME, type LocalPlan } from './plan.ts';
import { ID_VARIABLE } from './processes.ts';

/** dist/ of the installed package. Node 20 runs no TypeScript: sources started by a test runner use what was compiled. */
export const PROGRAM_ROOT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist' : '../..', import.meta.url)).replace(
  /\/$/,
  '',
);
export const CLI_SCRIPT = join(PROGRAM_ROOT, 'cli', 'main.js');

export function environmentFor(plan: LocalPlan, env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && !isConfiguration(entry[0]));
  return { ...Object.fromEntries(kept), [ID_VARIABLE]: plan.id };
}

/** Without the one etcd 3.4 refuses to start on 64-bit ARM, the other asks for recordings; neither configures anything. */
const HARMLESS: ReadonlySet<string> = new Set(['ETCD_UNSUPPORTED_ARCH', 'PGBATON_RECORD']);

function isConfiguration(variable: string): boolean {
  return (variable.startsWith('PGBATON_') || variable.startsWith('ETCD_')) && !HARMLESS.has(variable);
}

export function etcdPrograms(plan: LocalPlan, layout: Layout, env: Record<string, string>): readonly Program[] {
  const initialCluster = plan.etcd.map(({ name, host, peerPort }) => `${name}=${httpUrl(host, peerPort)}`).join(',');
  const endpoints = etcdEndpoints(plan);
  return plan.etcd.map(({ name, host, peerPort }, index) => ({
    name,
    ...inPlace(plan, name, plan.etcdProgram, [
      ...['--name', name, '--data-dir', layout.etcdData(name)],
      ...['--listen-client-urls', endpoints[index] ?? '', '--advertise-client-urls', endpoints[index] ?? ''],
      ...['--listen-peer-urls', httpUrl(host, peerPort), '--initial-advertise-peer-urls', httpUrl(host, peerPort)],
      ...['--initial-cluster', initialCluster, '--initial-cluster-state', 'new', '--initial-cluster-token', plan.id],
      // A lost node that also led etcd costs an election before any compare-and-swap: etcd's defaults make that 2.8 s.
      ...['--heartbeat-interval', '50', '--election-timeout', '500'],
      ...['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '1h'],
      ...['--logger', 'zap', '--log-level', 'warn'],
    ]),
    env,
    logFile: layout.log(name),
  }));
}

export function agentPrograms(plan: LocalPlan, layout: Layout, env: Record<string, string>): readonly Program[] {
  return plan.nodes.map(({ name }) => ({
    name,
    ...inPlace(plan, name, process.execPath, [CLI_SCRIPT, 'agent', '--config', layout.nodeConfig(name)]),
    env,
    logFile: layout.log(name),
  }));
}

export function proxyProgram(plan: LocalPlan, layout: Layout, env: Record<string, string>): Program {
  return {
    name: PROXY_NAME,
    ...inPlace(plan, PROXY_NAME, process.execPath, [CLI_SCRIPT, 'proxy', '--config', layout.proxyConfig]),
    env,
    logFile: layout.log(PROXY_NAME),
  };
}

/** Joins the group named first, then becomes the rest of the line. */
const JOIN_GROUP = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"';

/**
 * The same command line inside the component's namespace and the node's freezer group. Every step replaces the one before it, so the pid the
 * supervisor sees is that of the program itself, and all its descendants stay where it was put.
 */
function inPlace(
  plan: LocalPlan,
  component: string,
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  const inside =
    plan.network === null
      ? [command, ...args]
      : ['nsenter', `--net=${namespacePath(namespaceOf(plan, component))}`, '--', command, ...args];
  const isNode = plan.nodes.some(({ name }) => name === component);
  const line = plan.freezer === null || !isNode ? inside : ['/bin/sh', '-c', JOIN_GROUP, 'sh', groupOf(plan.freezer, component), ...inside];
  return { command: line[0] ?? command, args: line.slice(1) };
}
