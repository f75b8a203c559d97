/**
 * What the kernel says about a process and its descendants: processor time and resident memory. Figures of the kernel and not of the programs,
 * so that they are the same for every proxy.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type ProcessStat = { readonly parent: number; readonly ticks: number };
export type TreeFigures = { readonly cpuUs: number; readonly rssBytes: number };

/** USER_HZ. The kernel reports to programs in this unit on every architecture that Node.js runs on. */
const US_PER_TICK = 10_000;
const KIB = 1_024;

/** Own time and that of children already reaped, in user and kernel mode. */
export function parseStat(text: string): ProcessStat | null {
  // The name in brackets may itself contain brackets and blanks; what follows it begins with field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const times = [11, 12, 13, 14].map((at) => Number(fields[at]));
  const parent = Number(fields[1]);
  const ticks = times.reduce((sum, time) => sum + time, 0);
  return Number.isInteger(parent) && Number.isInteger(ticks) ? { parent, ticks } : null;
}

export function parseRssBytes(status: string): number | null {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) * KIB;
}

/** The limit of open files that a process may raise itself to. */
export function parseOpenFilesLimit(limits: string): number | null {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  if (hard === undefined) return null;
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

/** "0-2,5" → 0, 1, 2, 5 */
export function parseCpuList(list: string): readonly number[] {
  return list
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [from, to] = part.split('-').map(Number);
      if (from === undefined) return [];
      return Array.from({ length: (to ?? from) - from + 1 }, (_, at) => from + at);
    });
}

/** The process and all its descendants together. Throws when the process is gone: a proxy that died has no figures. */
export function figuresOf(pid: number): TreeFigures {
  const stats = allStats();
  if (!stats.has(pid)) throw new Error(`process ${String(pid)} has ended in the middle of the measurement`);
  const tree = new Set([pid]);
  for (let before = 0; before !== tree.size;) {
    before = tree.size;
    for (const [one, { parent }] of stats) if (tree.has(parent)) tree.add(one);
  }
  let ticks = 0;
  let rssBytes = 0;
  for (const one of tree) {
    ticks += stats.get(one)?.ticks ?? 0;
    rssBytes += parseRssBytes(textOf(`/proc/${String(one)}/status`) ?? '') ?? 0;
  }
  return { cpuUs: ticks * US_PER_TICK, rssBytes };
}

function allStats(): ReadonlyMap<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? parseStat(textOf(`/proc/${name}/stat`) ?? '') : null;
    if (stat !== null) stats.set(Number(name), stat);
  }
  return stats;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended between the listing and the look.
    return null;
  }
}
