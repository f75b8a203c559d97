/**
 * Brings a local cluster up and waits until it is whole. Whatever goes wrong after the first process was started, everything is stopped again:
 * a failed `local up` leaves files to look at, and no processes.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Client } from 'pg';
import type { ClusterStatus } from '../../shared/domain/cluster-status.ts';
import { appError, messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { viewCluster } from '../agent-client.ts';
import { summarize } from '../cluster-summary.ts';
import type { Environment } from './binaries.ts';
import { readClusterFile } from './cluster-file.ts';
import { ownedBy, stopCluster } from './down.ts';
import type { Layout } from './layout.ts';
import { makeGroups } from './freezer.ts';
import { makeNetwork } from './network.ts';
import { agentUrlsOf, portsOf, type LocalCluster, type LocalPlan } from './plan.ts';
import { makePlan, readPlan, refuseForeignDirectory, refuseOtherWishes, writeFiles, type LocalWishes } from './plan-file.ts';
import { refuseBusyPorts } from './ports.ts';
import { isAlive } from './processes.ts';
import { CLI_SCRIPT, environmentFor } from './programs.ts';

const POLL_MS = 150;
export const READY_BY_MS = 60_000;

export type UpOptions = {
  readonly layout: Layout;
  readonly wishes: LocalWishes;
  /** What the caller asked for in so many words; the rest are defaults, and yield to what is already there. */
  readonly given: ReadonlySet<keyof LocalWishes>;
  readonly env: Environment;
  readonly readyByMs: number;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
};

export async function bringUp(options: UpOptions): Promise<{ readonly plan: LocalPlan; readonly cluster: LocalCluster }> {
  const { layout } = options;
  const plan = await preparePlan(options);
  try {
    await makeNetwork(plan);
    makeGroups(plan);
    const supervisorPid = startSupervisor(plan, layout, options.env);
    await untilReady(plan, supervisorPid, options);
    const cluster = readClusterFile(layout);
    if (cluster === null) throw appError('PGB-1999', `${layout.runtime} is missing although the cluster is up`);
    return { plan, cluster };
  } catch (error) {
    await stopCluster(plan, layout);
    throw error;
  }
}

async function preparePlan({ layout, wishes, given, env }: UpOptions): Promise<LocalPlan> {
  const present = readPlan(layout);
  if (present === null) {
    refuseForeignDirectory(layout);
    const plan = await makePlan(wishes, env, process.getuid?.() ?? -1);
    await refuseBusy(plan);
    writeFiles(plan, layout);
    return plan;
  }
  const running = ownedBy(present, layout);
  if (running.length > 0) throw appError('PGB-1502', `${String(running.length)} of its processes run in ${layout.dir}`);
  refuseOtherWishes(present, wishes, given);
  await refuseBusy(present);
  return present;
}

/** In namespaces of their own nobody else can have taken them. */
async function refuseBusy(plan: LocalPlan): Promise<void> {
  if (plan.network === null) await refuseBusyPorts(portsOf(plan));
}

function startSupervisor(plan: LocalPlan, layout: Layout, env: Environment): number {
  const log = openSync(layout.log('supervisor'), 'a', 0o600);
  const child = spawn(process.execPath, [CLI_SCRIPT, 'local', 'supervise', '--dir', layout.dir], {
    detached: true,
    stdio: ['ignore', log, log],
    env: environmentFor(plan, { ...env }),
    // Not the caller's directory: it may be removed or unmounted while the cluster runs.
    cwd: '/',
  });
  closeSync(log);
  child.unref();
  if (child.pid === undefined) throw appError('PGB-1102', process.execPath);
  return child.pid;
}

async function untilReady(plan: LocalPlan, supervisorPid: number, { layout, readyByMs, onProgress, signal }: UpOptions): Promise<void> {
  const deadlineMs = monotonicMs() + readyByMs;
  let seen = '';
  for (;;) {
    const missing = await whatIsStillMissing(plan, layout);
    if (missing === null) return;
    if (missing !== seen) onProgress(missing);
    seen = missing;
    if (signal.aborted) throw appError('PGB-1406', 'interrupted; everything was stopped');
    if (!isAlive(supervisorPid)) throw appError('PGB-1999', `the supervisor ended: ${lastLine(layout.log('supervisor'))}`);
    if (monotonicMs() > deadlineMs)
      throw appError(
        'PGB-1406',
        `not complete after ${String(readyByMs)} ms: ${missing}; everything was stopped, the logs are in ${layout.logs}`,
      );
    await sleep(POLL_MS, signal);
  }
}

async function whatIsStillMissing(plan: LocalPlan, layout: Layout): Promise<string | null> {
  const view = await viewCluster(agentUrlsOf(plan), 1_000);
  if (view.kind === 'unseen') return 'no agent answers yet';
  const { missing } = summarize(view.cluster);
  if (missing !== null) return missing;
  if (view.cluster.nodes.length < plan.nodes.length)
    return `${String(view.cluster.nodes.length)} of ${String(plan.nodes.length)} nodes have joined`;
  const runtime = readClusterFile(layout);
  if (runtime === null || !pidsAreKnown(runtime, view.cluster)) return 'the list of processes is not complete yet';
  return proxyLeadsTo(runtime.superuserUri);
}

/** Tests kill by these pids, so they must be those of the very processes that make the cluster ready. */
function pidsAreKnown(runtime: LocalCluster, cluster: ClusterStatus): boolean {
  return runtime.nodes.every(({ name, pids }) => {
    const node = cluster.nodes.find((one) => one.name === name);
    return (
      node !== undefined &&
      !('unreachable' in node) &&
      node.pids.guard === pids.guard &&
      node.pids.postmaster === pids.postmaster &&
      pids.agent !== null
    );
  });
}

async function proxyLeadsTo(connectionString: string): Promise<string | null> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  // The session may be cut at any moment; the query below reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    return rows[0]?.standby === false ? null : 'the proxy leads to a standby';
  } catch (error) {
    return `the proxy does not let us in: ${messageOf(error)}`;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function lastLine(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.at(-1) ?? '';
}
