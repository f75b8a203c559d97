/**
 * Finds etcd and the PostgreSQL programs on this machine and says what is missing. It installs nothing and guesses no version: the highest
 * major version found wins, unless PGBATON_PG_BIN says otherwise.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { appError } from '../../shared/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const POSTGRES_PROGRAMS = ['postgres', 'initdb', 'pg_ctl', 'pg_basebackup', 'pg_rewind', 'pg_waldump', 'pg_controldata'];
const SYSTEM_DIRS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const VERSIONED_PARENTS = [
  { parent: '/usr/lib/postgresql', prefix: '', suffix: 'bin' },
  { parent: '/usr', prefix: 'pgsql-', suffix: 'bin' },
];

export function findEtcd(env: Environment): string {
  const named = env['PGBATON_ETCD'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw appError('PGB-1102', `PGBATON_ETCD names ${named}, which is not an executable file`);
  }
  const found = inPath('etcd', env);
  if (found !== null) return found;
  throw appError('PGB-1102', 'etcd is not in PATH; on Debian and Ubuntu `apt install etcd-server`, or set PGBATON_ETCD to the program');
}

export function findPostgresBinDir(env: Environment): string {
  const named = env['PGBATON_PG_BIN'];
  const candidates = named !== undefined && named !== '' ? [named] : [...versionedDirs(), ...dirOf(inPath('postgres', env))];
  const complete = candidates.find((dir) => missingIn(dir).length === 0);
  if (complete !== undefined) return complete;
  const [nearest] = candidates;
  if (nearest === undefined)
    throw appError('PGB-1102', 'no PostgreSQL server was found; on Debian and Ubuntu `apt install postgresql`, or set PGBATON_PG_BIN');
  throw appError('PGB-1102', `${nearest} has no ${missingIn(nearest).join(', ')}`);
}

/** A program of the system that not every machine has. PGBATON_IP, PGBATON_NFT … name one. */
export function findTool(name: string, env: Environment): string {
  const variable = `PGBATON_${name.toUpperCase()}`;
  const named = env[variable];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw appError('PGB-1102', `${variable} names ${named}, which is not an executable file`);
  }
  // The folders of the administrator's programs are often left out of PATH.
  const found = inPath(name, { PATH: [env['PATH'], ...SYSTEM_DIRS].join(delimiter) });
  if (found !== null) return found;
  throw appError('PGB-1102', `${name} was not found; install it, or set ${variable} to the program`);
}

/** PostgreSQL refuses to run as root. Null when we are not root, so that everything runs as whoever we are. */
export function findOsUser(uid: number): string | null {
  if (uid !== 0) return null;
  const user = ['postgres', 'nobody'].find((name) => idsOf(name) !== null);
  if (user === undefined) throw appError('PGB-1103', 'neither `postgres` nor `nobody` exists');
  return user;
}

export function idsOf(user: string): { readonly uid: number; readonly gid: number } | null {
  try {
    const id = (flag: string): number =>
      Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    // `id` fails for a user that does not exist, which is the answer.
    return null;
  }
}

function missingIn(dir: string): readonly string[] {
  return POSTGRES_PROGRAMS.filter((program) => !isExecutable(join(dir, program)));
}

function versionedDirs(): readonly string[] {
  return VERSIONED_PARENTS.flatMap(({ parent, prefix, suffix }) =>
    entriesOf(parent)
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .map((name) => ({ dir: join(parent, name, suffix), major: Number(name.slice(prefix.length)) })),
  )
    .toSorted((a, b) => b.major - a.major)
    .map(({ dir }) => dir);
}

function entriesOf(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    // Another distribution: the directory simply is not there.
    return [];
  }
}

function inPath(program: string, env: Environment): string | null {
  const dirs = (env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '');
  return dirs.map((dir) => join(dir, program)).find(isExecutable) ?? null;
}

function dirOf(program: string | null): readonly string[] {
  return program === null ? [] : [dirname(program)];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
