/**
 * A process that cannot be mistaken for another one. A pid is given to somebody else when its owner has died, and a fault is healed seconds after
 * it struck: the time of birth, which the kernel tells, makes sure that the signal reaches whom it is for, or nobody.
 */
import { readFileSync } from 'node:fs';
import { systemErrorCode } from '../../shared/errors.ts';

export type ProcessHandle = { readonly pid: number; readonly bornTicks: string };

/** Null when there is no such process, or only its zombie. */
export function handleOf(pid: number): ProcessHandle | null {
  const stat = statOf(pid);
  return stat === null ? null : { pid, bornTicks: stat.bornTicks };
}

export function requireHandle(pid: number | null, what: string): ProcessHandle {
  const handle = pid === null ? null : handleOf(pid);
  if (handle === null) throw new Error(`${what} does not run`);
  return handle;
}

export function isAlive({ pid, bornTicks }: ProcessHandle): boolean {
  return statOf(pid)?.bornTicks === bornTicks;
}

/** False when the process was gone already. */
export function signalProcess(handle: ProcessHandle, signal: NodeJS.Signals): boolean {
  if (!isAlive(handle)) return false;
  try {
    process.kill(handle.pid, signal);
    return true;
  } catch (error) {
    // It ended between the look and the signal.
    if (systemErrorCode(error) === 'ESRCH') return false;
    throw error;
  }
}

export type ProcessStat = { readonly parent: number; readonly bornTicks: string };

export function statOf(pid: number): ProcessStat | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // The name in brackets may itself contain brackets and blanks; what follows it begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parent] = fields;
    const bornTicks = fields[19];
    if (state === 'Z' || state === 'X' || bornTicks === undefined) return null;
    return { parent: Number(parent), bornTicks };
  } catch {
    // It ended between the listing and the look.
    return null;
  }
}
