/**
 * Who of a PostgreSQL still lives, and how to end all of them. Every process of a server, whatever it does to its process group or parent,
 * keeps the data directory as its working directory; that is what is looked for. Reads /proc only, synchronously: procfs never waits for the
 * data disk. It must never report "none" for something that can still run.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemErrorCode } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';

const SIGKILL_BIT = 1n << 8n;
const KILL_ROUND_MS = 3;
/** Zombies of orphans are reaped by pid 1 when it gets to it; they hold nothing any more. */
const ZOMBIE_STATES: ReadonlySet<string> = new Set(['Z', 'X', 'x']);

export type Remains =
  | { readonly kind: 'none' }
  /** Every one left is in an uninterruptible wait with SIGKILL pending: none will run user code again, none is gone. */
  | { readonly kind: 'fenced'; readonly pids: readonly number[] }
  | { readonly kind: 'alive'; readonly pids: readonly number[] }
  /** No process was found, but the server's shared memory is still attached: one that cannot be seen from here. */
  | { readonly kind: 'unseen'; readonly attached: number };

/** What the server wrote into postmaster.pid about itself. */
export type ServerTraces = { readonly postmasterPid: number | null; readonly sharedMemoryId: number | null };

export const NO_TRACES: ServerTraces = { postmasterPid: null, sharedMemoryId: null };

/** The text of postmaster.pid. Strict: an empty line read as pid 0 would let a signal hit our own process group. */
export function parsePidFile(text: string): ServerTraces {
  const lines = text.split('\n');
  const pid = positiveInteger(lines[0]);
  const sharedMemoryId = positiveInteger(lines[6]?.trim().split(/\s+/)[1], 0);
  return { postmasterPid: pid, sharedMemoryId };
}

/** The path the kernel shows as working directory. Resolve once, while the disk answers, and keep it. */
export function realDirectory(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not there yet: a server cannot work in it either, and when it is made it is made under this name.
    return path;
  }
}

/** `directory` as `realDirectory` gave it. An operator's shell that stands in the directory is no part of the server. */
export function processesIn(directory: string): readonly number[] {
  const deleted = `${directory} (deleted)`;
  return allPids().filter((pid) => {
    const cwd = readLink(`/proc/${String(pid)}/cwd`);
    return (cwd === directory || cwd === deleted) && !isSomebodysShell(pid);
  });
}

export function childrenOf(pid: number): readonly number[] {
  const text = readText(`/proc/${String(pid)}/task/${String(pid)}/children`);
  if (text !== null)
    return text
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  // The list exists since Linux 3.5 but can be configured away; an empty answer must not be mistaken for "no children".
  return isAlive(pid) ? allPids().filter((child) => parentOf(child) === pid) : [];
}

/** The process title; null when the process is gone. */
export function commandLine(pid: number): string | null {
  const text = readText(`/proc/${String(pid)}/cmdline`);
  return text === null ? null : text.replaceAll('\0', ' ').trim();
}

/** Exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== null && !ZOMBIE_STATES.has(state);
}

export function remainsOf(directory: string, traces: ServerTraces): Remains {
  const found = new Set(processesIn(directory));
  const { postmasterPid } = traces;
  // A recorded pid may belong to a stranger by now; it counts only while it works in the directory, which the scan has already said.
  if (postmasterPid !== null && isAlive(postmasterPid) && childOfOurs(postmasterPid)) found.add(postmasterPid);
  const pids = [...found].filter(isAlive);
  if (pids.length > 0) return pids.every(isFenced) ? { kind: 'fenced', pids } : { kind: 'alive', pids };
  const attached = traces.sharedMemoryId === null ? 0 : attachedTo(traces.sharedMemoryId);
  return attached > 0 ? { kind: 'unseen', attached } : { kind: 'none' };
}

/**
 * SIGQUIT to the postmaster and at once SIGKILL to every process found, again and again until nothing is left. SIGQUIT alone does nothing on
 * a hung disk, SIGKILL to the postmaster alone leaves busy backends that go on committing.
 */
export async function killTree(directory: string, traces: ServerTraces, budgetMs: number): Promise<Remains> {
  const untilMs = monotonicMs() + budgetMs;
  const { postmasterPid } = traces;
  for (;;) {
    const remains = remainsOf(directory, traces);
    if (remains.kind === 'none') return remains;
    if (remains.kind === 'alive') {
      if (postmasterPid !== null && remains.pids.includes(postmasterPid)) send(postmasterPid, 'SIGQUIT');
      for (const pid of remains.pids) send(pid, 'SIGKILL');
    }
    if (monotonicMs() >= untilMs) return remains;
    // The pause lets the event loop reap our own child; without it the postmaster would stay a zombie for ever.
    await sleep(KILL_ROUND_MS);
  }
}

export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ESRCH') return false;
    throw error;
  }
}

export function describeRemains(remains: Remains): string {
  switch (remains.kind) {
    case 'none':
      return 'nothing is left';
    case 'fenced':
      return `processes ${remains.pids.join(', ')} hang in the kernel, killed but not gone`;
    case 'alive':
      return `processes ${remains.pids.join(', ')} are alive`;
    case 'unseen':
      return `the shared memory is attached ${String(remains.attached)} times by processes that cannot be seen from here`;
  }
}

function isFenced(pid: number): boolean {
  if (stateOf(pid) !== 'D') return false;
  const status = readText(`/proc/${String(pid)}/status`) ?? '';
  return ['SigPnd', 'ShdPnd'].some((field) => {
    const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n;
  });
}

// The server runs without a terminal, and so does what it starts (COPY … PROGRAM). One started by hand in a terminal is still a server.
function isSomebodysShell(pid: number): boolean {
  const stat = readText(`/proc/${String(pid)}/stat`) ?? '';
  return terminalOf(pid) !== 0 && !/^\d+ \((postgres|postmaster)\) /.test(stat);
}

function terminalOf(pid: number): number {
  return Number(statFields(pid)?.[4] ?? 0);
}

function childOfOurs(pid: number): boolean {
  return parentOf(pid) === process.pid;
}

function stateOf(pid: number): string | null {
  return statFields(pid)?.[0] ?? null;
}

function parentOf(pid: number): number | null {
  return positiveInteger(statFields(pid)?.[1]);
}

/** The fields after the command name, which may itself contain blanks and parentheses. */
function statFields(pid: number): readonly string[] | null {
  const text = readText(`/proc/${String(pid)}/stat`);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function attachedTo(sharedMemoryId: number): number {
  for (const line of (readText('/proc/sysvipc/shm') ?? '').split('\n')) {
    // key shmid perms size cpid lpid nattch …
    const fields = line.trim().split(/\s+/);
    if (fields[1] === String(sharedMemoryId)) return positiveInteger(fields[6], 0) ?? 0;
  }
  return 0;
}

function allPids(): readonly number[] {
  return readdirSync('/proc')
    .map((name) => positiveInteger(name))
    .filter((pid) => pid !== null);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A process that ends between listing and reading is the normal case here.
    return null;
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    // Gone, a zombie, or somebody else's: in no case a process of our server, which runs as our user or below root.
    return null;
  }
}

function positiveInteger(text: string | undefined, least = 1): number | null {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value >= least ? value : null;
}
