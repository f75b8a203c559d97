/**
 * The supervisor of a local cluster: one detached process that starts etcd, the agents and the proxy, restarts whichever ends, and keeps
 * `cluster.json` true. It holds nothing that is needed to stop the cluster, so it may itself be killed at any time.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeStatus } from '../../shared/domain/cluster-status.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { ask } from '../agent-client.ts';
import { describeCluster, writeClusterFile, type InnerPids } from './cluster-file.ts';
import { keepRunning, RESTARTS } from './keep-running.ts';
import type { Layout } from './layout.ts';
import { etcdEndpoints, httpUrl, type LocalPlan } from './plan.ts';
import { agentPrograms, environmentFor, etcdPrograms, proxyProgram } from './programs.ts';

const INNER_POLL_MS = 500;
const ANSWER_MS = 400;
/** After that the agents are started all the same; they wait for etcd by themselves. */
const ETCD_HEALTHY_BY_MS = 10_000;

export async function supervise(plan: LocalPlan, layout: Layout, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  mkdirSync(layout.hold, { recursive: true, mode: 0o700 });
  const pids = new Map<string, number | null>();
  const inner = new Map<string, InnerPids>();
  let written = '';
  const publish = (): void => {
    const cluster = describeCluster(plan, layout, { supervisorPid: process.pid, pids, inner });
    const text = JSON.stringify(cluster);
    // A `local down` that follows must not find the file come back.
    if (signal.aborted || text === written) return;
    writeClusterFile(layout, cluster);
    written = text;
  };
  const options = {
    ...RESTARTS,
    isOnHold: (name: string): boolean => existsSync(join(layout.hold, name)),
    onPid: (name: string, pid: number | null): void => {
      pids.set(name, pid);
      publish();
    },
  };
  publish();
  const childEnv = environmentFor(plan, env);
  const etcd = keepRunning(etcdPrograms(plan, layout, childEnv), options, signal);
  await etcdHealthy(plan, signal);
  const others = keepRunning([...agentPrograms(plan, layout, childEnv), proxyProgram(plan, layout, childEnv)], options, signal);
  await Promise.all([etcd, others, watchInner(plan, inner, publish, signal)]);
}

async function etcdHealthy(plan: LocalPlan, signal: AbortSignal): Promise<void> {
  const deadlineMs = monotonicMs() + ETCD_HEALTHY_BY_MS;
  while (!signal.aborted && monotonicMs() < deadlineMs) {
    const replies = await Promise.all(etcdEndpoints(plan).map((endpoint) => ask({ url: `${endpoint}/health`, budgetMs: ANSWER_MS })));
    if (replies.every((reply) => reply.kind === 'answer' && reply.status === 200)) return;
    await sleep(50, signal);
  }
}

/** Guards and postmasters are children of agents; they are shown, never relied upon. */
async function watchInner(plan: LocalPlan, inner: Map<string, InnerPids>, publish: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(
      plan.nodes.map(async ({ name, host, apiPort }) => {
        const reply = await ask({ url: `${httpUrl(host, apiPort)}/status`, budgetMs: ANSWER_MS });
        const pids = reply.kind === 'answer' && reply.status === 200 ? (reply.body as Partial<NodeStatus>).pids : undefined;
        if (pids !== undefined) inner.set(name, { guard: pids.guard, postmaster: pids.postmaster });
      }),
    );
    publish();
    await sleep(INNER_POLL_MS, signal);
  }
}
