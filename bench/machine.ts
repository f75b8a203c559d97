/** The machine as it is, and how its processors are divided: whoever reads the figures must know where they come from. It changes nothing. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { findTool } from '../cli/local/binaries.ts';
import { parseCpuList, parseOpenFilesLimit } from './process-figures.ts';

export type Machine = {
  readonly processor: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the last minute, before the first run: other work on the machine makes every figure worse, and not evenly. */
  readonly loadAtStart: number;
};

/** As taskset takes them. Null: nothing is pinned. */
export type CoreSplit = { readonly proxy: string; readonly load: string; readonly loadCores: number };

/** Sessions of a proxy take two each; more than this only makes some programs slow. */
const OPEN_FILES_MOST = 65_536;
const BYTES_PER_MB = 1_000_000;

export function describeMachine(): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryMb: Math.round(totalmem() / BYTES_PER_MB),
    kernel: release(),
    node: process.version,
    loadAtStart: loadavg()[0] ?? 0,
  };
}

/** How many files a program may have open here at most. */
export function openFilesLimit(): number {
  return Math.min(parseOpenFilesLimit(readFileSync('/proc/self/limits', 'utf8')) ?? OPEN_FILES_MOST, OPEN_FILES_MOST);
}

/** The processors that this process may use, divided; null when that cannot be. */
export function splitHere(): CoreSplit | null {
  try {
    findTool('taskset', process.env);
  } catch {
    return null;
  }
  const allowed = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return splitCores(parseCpuList(allowed ?? ''));
}

/** One core for the proxy under test, the others for PostgreSQL and the clients. */
export function splitCores(allowed: readonly number[]): CoreSplit | null {
  const last = allowed.at(-1);
  if (last === undefined || allowed.length < 2) return null;
  return { proxy: String(last), load: allowed.slice(0, -1).join(','), loadCores: allowed.length - 1 };
}
