/**
 * Which processes of this machine belong to a local cluster. Recorded pids are not enough: whoever records them can be killed between a start
 * and the record, and a pid can be somebody else's by the time it is used. So processes are recognised by what they carry: the cluster's id in
 * the environment, or the cluster's directory among the arguments of one of our own programs, and everything descended from such a process.
 * A shell, an editor or a `psql` that merely stands in the directory is never recognised.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, sep } from 'node:path';

export const ID_VARIABLE = 'PGBATON_LOCAL_CLUSTER';

export type ProcessInfo = {
  readonly pid: number;
  readonly parent: number;
  readonly argv: readonly string[];
  /** Null when this user may not read it (another user's process without CAP_SYS_PTRACE). */
  readonly cwd: string | null;
  readonly exe: string | null;
  readonly clusterId: string | null;
};

export type Ownership = {
  readonly id: string;
  readonly dir: string;
  /** Where pgbaton's own programs lie. */
  readonly programRoot: string;
  /** The caller and whoever waits for it are never among the results. */
  readonly exceptPid: number;
};

const OWN_PROGRAMS = new Set([
  'etcd',
  'postgres',
  'initdb',
  'pg_ctl',
  'pg_basebackup',
  'pg_rewind',
  'pg_controldata',
  'pg_waldump',
  'setpriv',
]);
const OWN_SCRIPTS = ['agent', 'proxy', 'guard'];

export function listProcesses(): readonly ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const info = readProcess(Number(name));
      return info === null ? [] : [info];
    });
}

/** Null when there is no such process any more, or only its zombie. */
export function readProcess(pid: number): ProcessInfo | null {
  const base = `/proc/${String(pid)}`;
  const stat = textOf(`${base}/stat`);
  if (stat === null) return null;
  // The name in brackets may itself contain brackets and blanks.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return null;
  const environment = (textOf(`${base}/environ`) ?? '').split('\0');
  const marker = environment.find((line) => line.startsWith(`${ID_VARIABLE}=`));
  return {
    pid,
    parent: Number(parent),
    argv: (textOf(`${base}/cmdline`) ?? '').split('\0').filter((argument) => argument !== ''),
    cwd: linkOf(`${base}/cwd`),
    exe: linkOf(`${base}/exe`),
    clusterId: marker === undefined ? null : marker.slice(ID_VARIABLE.length + 1),
  };
}

export function isAlive(pid: number): boolean {
  return readProcess(pid) !== null;
}

/** Those that belong to the cluster, in ascending order of pid. Pure. */
export function ownedProcesses(all: readonly ProcessInfo[], ownership: Ownership): readonly ProcessInfo[] {
  const owned = new Set(all.filter((one) => carriesMark(one, ownership)).map(({ pid }) => pid));
  for (let before = -1; before !== owned.size;) {
    before = owned.size;
    for (const { pid, parent } of all) if (owned.has(parent)) owned.add(pid);
  }
  return all.filter(({ pid }) => owned.has(pid) && pid !== ownership.exceptPid).toSorted((a, b) => a.pid - b.pid);
}

function carriesMark(info: ProcessInfo, { id, dir, programRoot }: Ownership): boolean {
  if (info.clusterId === id) return true;
  const program = basename(info.exe ?? info.argv[0] ?? '').replace(/ \(deleted\)$/, '');
  // A backend overwrites its arguments and its environment with its title; its working directory is the data directory.
  if (program === 'postgres' && info.cwd !== null && isInside(info.cwd.replace(/ \(deleted\)$/, ''), dir)) return true;
  if (!info.argv.some((argument) => isInside(argument.slice(argument.indexOf('=') + 1), dir) || isInside(argument.replace(/^-D/, ''), dir)))
    return false;
  return OWN_PROGRAMS.has(program) || runsOwnScript(info.argv, programRoot);
}

/** `node <root>/cli/main.js agent …`, `node <root>/agent/guard/….js …`; a `list` or `down` of the same cluster is not meant. */
function runsOwnScript(argv: readonly string[], programRoot: string): boolean {
  const at = argv.findIndex((argument) => isInside(argument, programRoot));
  const script = argv[at];
  if (script === undefined) return false;
  const [folder] = script.slice(programRoot.length + 1).split(sep);
  if (folder !== 'cli') return folder !== undefined && OWN_SCRIPTS.includes(folder);
  const [verb, inner] = argv.slice(at + 1);
  return verb === 'agent' || verb === 'proxy' || (verb === 'local' && inner === 'supervise');
}

function isInside(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir + sep);
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Gone, or not ours to read: both mean that this file tells nothing.
    return null;
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
