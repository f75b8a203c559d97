/**
 * Stops a local cluster, whatever is left of it. It relies on no record of pids and on no living supervisor, only on the plan and on what /proc
 * says now (processes.ts), so that a `kill -9` of anything never leaves something behind. It never signals a process that is not the cluster's.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { appError, systemErrorCode } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { removeGroups, thawAll } from './freezer.ts';
import type { Layout } from './layout.ts';
import { thawMounts } from './mounts.ts';
import { removeNetwork } from './network.ts';
import type { LocalPlan } from './plan.ts';
import { listProcesses, ownedProcesses, type ProcessInfo } from './processes.ts';
import { PROGRAM_ROOT } from './programs.ts';

const POLL_MS = 25;
const POLITE_MS = 5_000;
/** PostgreSQL waits in a fast stop until its standbys have everything; a checkpoint may come first. */
const POSTGRES_MS = 15_000;
const KILL_MS = 10_000;

export function ownedBy(plan: LocalPlan, layout: Layout): readonly ProcessInfo[] {
  return ownedProcesses(listProcesses(), { id: plan.id, dir: layout.dir, programRoot: PROGRAM_ROOT, exceptPid: process.pid });
}

export async function stopCluster(plan: LocalPlan, layout: Layout): Promise<void> {
  const owned = (): readonly ProcessInfo[] => ownedBy(plan, layout);
  // What is frozen, or waits for a frozen disk, does not die of any signal.
  await thawAll(plan);
  thawMounts(layout.dir);
  // First whoever restarts the others; then the agents, before they can see their PostgreSQL go and elect another.
  await end(() => owned().filter(isSupervisor), 'SIGTERM', POLITE_MS);
  await end(() => owned().filter(isAgentOrProxy), 'SIGTERM', POLITE_MS);
  const postmasters = (): readonly ProcessInfo[] => {
    const pids = plan.nodes.map(({ name }) => postmasterPid(layout.dataDir(name)));
    return owned().filter(({ pid }) => pids.includes(pid));
  };
  // SIGINT is PostgreSQL's fast stop: the data directories are clean for a later `local up`.
  await signalAndWait(postmasters, 'SIGINT', POSTGRES_MS);
  // Guards refuse to leave while a PostgreSQL lives; by now there is none.
  await end(() => owned().filter((one) => !isEtcd(one, plan)), 'SIGTERM', POLITE_MS);
  await end(owned, 'SIGTERM', POLITE_MS);
  await removeNetwork(plan);
  await removeGroups(plan);
  rmSync(layout.runtime, { force: true });
  // The next `local up` should not find a node still held by a drill that was interrupted.
  rmSync(layout.hold, { recursive: true, force: true });
}

/** Asks, waits, then kills; repeated for whatever appears meanwhile, because a process can start another one just before it ends. */
async function end(which: () => readonly ProcessInfo[], signal: NodeJS.Signals, politeMs: number): Promise<void> {
  await signalAndWait(which, signal, politeMs);
  const deadlineMs = monotonicMs() + KILL_MS;
  for (let left = which(); left.length > 0; left = which()) {
    if (monotonicMs() > deadlineMs) {
      throw appError(
        'PGB-1315',
        `still there after SIGKILL: ${left.map(({ pid, argv }) => `${String(pid)} (${argv.slice(0, 3).join(' ')})`).join(', ')}`,
      );
    }
    for (const { pid } of left) send(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

async function signalAndWait(which: () => readonly ProcessInfo[], signal: NodeJS.Signals, withinMs: number): Promise<void> {
  const deadlineMs = monotonicMs() + withinMs;
  const told = new Set<number>();
  for (let left = which(); left.length > 0 && monotonicMs() < deadlineMs; left = which()) {
    for (const { pid } of left) {
      if (told.has(pid)) continue;
      told.add(pid);
      send(pid, signal);
      // A stopped process hears nothing until it continues.
      send(pid, 'SIGCONT');
    }
    await sleep(POLL_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended between the look and the signal, which is what was wanted.
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

function isSupervisor({ argv }: ProcessInfo): boolean {
  return argv.includes('local') && argv.includes('supervise');
}

function isAgentOrProxy({ argv }: ProcessInfo): boolean {
  return argv.includes('--config') && (argv.includes('agent') || argv.includes('proxy'));
}

function isEtcd({ argv, exe }: ProcessInfo, plan: LocalPlan): boolean {
  return argv[0] === plan.etcdProgram || (exe !== null && exe.endsWith('/etcd'));
}

function postmasterPid(dataDir: string): number | null {
  try {
    return Number.parseInt(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'), 10);
  } catch {
    // No such file: no server was started there, or it has ended.
    return null;
  }
}
