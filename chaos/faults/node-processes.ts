/**
 * Which processes make up a node, as the machine tells it and not the agent: a frozen agent tells nothing, and a fault must not depend on what it
 * breaks.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from '../../cli/local/layout.ts';
import { statOf } from './process-handle.ts';

export type NodeProcesses = {
  readonly agent: number | null;
  readonly guard: number | null;
  readonly postmaster: number | null;
  /** All of them with all their descendants, and whatever works in the data directory. Zombies do not count. */
  readonly all: readonly number[];
};

export function processesOfNode(layout: Layout, node: string): NodeProcesses {
  const dataDir = layout.dataDir(node);
  const parents = new Map<number, number>();
  const named = { agent: null as number | null, guard: null as number | null };
  const roots = new Set<number>();
  for (const pid of pids()) {
    const stat = statOf(pid);
    if (stat === null) continue;
    parents.set(pid, stat.parent);
    const argv = textOf(`/proc/${String(pid)}/cmdline`).split('\0');
    const isAgent = argv.includes('agent') && argv.includes(layout.nodeConfig(node));
    const isGuard = argv.includes('--socket') && argv.includes(dataDir);
    if (isAgent) named.agent = pid;
    if (isGuard) named.guard = pid;
    if (isAgent || isGuard || linkOf(`/proc/${String(pid)}/cwd`) === dataDir) roots.add(pid);
  }
  return { ...named, postmaster: postmasterOf(dataDir, parents), all: withDescendants(roots, parents) };
}

/** The child of the postmaster that calls itself so, e.g. `checkpointer`. Null when there is none. */
export function serverProcess(layout: Layout, node: string, title: string): number | null {
  return childrenTitled(layout, node, (words) => words === title)[0] ?? null;
}

export function proxyProcess(layout: Layout): number | null {
  const isProxy = (pid: number): boolean => {
    const argv = textOf(`/proc/${String(pid)}/cmdline`).split('\0');
    return argv.includes('proxy') && argv.includes(layout.proxyConfig);
  };
  return pids().find(isProxy) ?? null;
}

/** Sessions of the superuser, which is who the clients of the ledger are. */
export function clientBackends(layout: Layout, node: string): readonly number[] {
  return childrenTitled(layout, node, (words) => words.startsWith('postgres postgres '));
}

/** Those who send WAL to the standbys. */
export function walSenders(layout: Layout, node: string): readonly number[] {
  return childrenTitled(layout, node, (words) => words.startsWith('walsender '));
}

/** PostgreSQL puts `postgres: ` before what a process is, and the name of the cluster when it has one. */
function childrenTitled(layout: Layout, node: string, matches: (words: string) => boolean): readonly number[] {
  const { postmaster } = processesOfNode(layout, node);
  return childrenOf(postmaster).filter((pid) => {
    const words = textOf(`/proc/${String(pid)}/cmdline`)
      .replaceAll('\0', ' ')
      .trim();
    return words.startsWith('postgres: ') && matches(words.replace(/^postgres: (?:[^ ]+: )?/, ''));
  });
}

function childrenOf(parent: number | null): readonly number[] {
  if (parent === null) return [];
  return pids().filter((pid) => statOf(pid)?.parent === parent);
}

function pids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function postmasterOf(dataDir: string, living: ReadonlyMap<number, number>): number | null {
  const pid = Number.parseInt(textOf(join(dataDir, 'postmaster.pid')), 10);
  return living.has(pid) && linkOf(`/proc/${String(pid)}/cwd`) === dataDir ? pid : null;
}

function withDescendants(roots: ReadonlySet<number>, parents: ReadonlyMap<number, number>): readonly number[] {
  const found = new Set(roots);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
