/**
 * The faults, as SIGKILL: no handler runs, nobody says goodbye. A node is killed from the outside in, agent first, so that no part of it can
 * report the death of another.
 */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { NodePids } from './cluster-view.ts';

const DEAD_WITHIN_MS = 3_000;

/** While the file is there, the supervisor of the local cluster does not restart the node's agent. */
export function hold(clusterDir: string, node: string): void {
  mkdirSync(join(clusterDir, 'hold'), { recursive: true });
  writeFileSync(join(clusterDir, 'hold', node), '');
}

export function release(clusterDir: string, node: string): void {
  rmSync(join(clusterDir, 'hold', node), { force: true });
}

export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It died with its parent a moment before.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function killWholeNode(pids: NodePids, dataDir: string): Promise<void> {
  const named = [pids.agent, pids.guard, pids.postmaster];
  const rest = processesOf(named, dataDir).filter((pid) => !named.includes(pid));
  for (const pid of [...named, ...rest]) killHard(pid);
  const deadlineMs = monotonicMs() + DEAD_WITHIN_MS;
  for (let left = processesOf(named, dataDir); left.length > 0; left = processesOf(named, dataDir)) {
    if (monotonicMs() > deadlineMs) throw new Error(`processes ${left.join(', ')} survive SIGKILL`);
    for (const pid of left) killHard(pid);
    await sleep(5);
  }
}

/** The named processes, their descendants, and whatever works in the data directory; zombies do not count. */
function processesOf(roots: readonly number[], dataDir: string): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? livingParent(name) : null;
    if (parent !== null) parents.set(Number(name), parent);
  }
  const found = new Set([...parents.keys()].filter((pid) => roots.includes(pid) || workingDirOf(pid) === dataDir));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function livingParent(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? null : Number(parent);
  } catch {
    // It ended between the listing and the look.
    return null;
  }
}

function workingDirOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${String(pid)}/cwd`);
  } catch {
    return null;
  }
}
