/** What every piece of the local PostgreSQL needs to know about this node: paths, programs, users, secrets. Made once, changes never. */
import { existsSync, readdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import type { NodePostgresConfig, NodeSecrets } from '../../shared/config/node-config.ts';
import { appError } from '../../shared/errors.ts';
import type { Log } from '../guard/log.ts';
import type { OsUser } from '../guard/os-user.ts';

export type LocalContext = {
  readonly config: NodePostgresConfig;
  readonly secrets: NodeSecrets;
  readonly name: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly binDir: string;
  /** 15, 16 … of the programs in binDir. */
  readonly majorVersion: number;
  /** Null: PostgreSQL runs as the agent's own user. */
  readonly osUser: OsUser | null;
  readonly log: Log;
};

const VERSION_DEADLINE_MS = 5_000;
const DEBIAN_ROOT = '/usr/lib/postgresql';

/** The rendered files; outside the data directory, which clone and rewind overwrite with somebody else's. */
export function configDirectory(stateDir: string): string {
  return join(stateDir, 'postgres');
}

export function configFilePath(stateDir: string): string {
  return join(configDirectory(stateDir), 'postgresql.conf');
}

export function hbaFilePath(stateDir: string): string {
  return join(configDirectory(stateDir), 'pg_hba.conf');
}

export function identFilePath(stateDir: string): string {
  return join(configDirectory(stateDir), 'pg_ident.conf');
}

export function logDirectory(stateDir: string): string {
  return join(stateDir, 'log');
}

export function walDirectory(dataDir: string): string {
  return join(dataDir, 'pg_wal');
}

export function program(context: LocalContext, name: string): string {
  return join(context.binDir, name);
}

const PROGRAMS = ['postgres', 'initdb', 'pg_controldata', 'pg_waldump', 'pg_basebackup', 'pg_verifybackup', 'pg_rewind'] as const;

/** The configured directory, else the environment's, else that of the newest installed version, else one in PATH; with all programs in it. */
export function findBinDir(configured: string | null): string {
  const candidates = configured === null ? [process.env['PGBATON_PG_BIN'], ...installed(), ...path()] : [configured];
  const present = candidates.filter((directory): directory is string => directory !== undefined && existsSync(join(directory, 'postgres')));
  const found = present.find((directory) => missingIn(directory).length === 0) ?? present[0];
  if (found === undefined)
    throw appError(
      'PGB-1102',
      configured === null
        ? `no PostgreSQL below ${DEBIAN_ROOT} or in PATH, and none named by PGBATON_PG_BIN`
        : `there is no postgres in ${configured}`,
    );
  const missing = missingIn(found);
  if (missing.length > 0) throw appError('PGB-1102', `${found} has no ${missing.join(', ')}`);
  if (!path().some((directory) => existsSync(join(directory, 'setpriv'))))
    throw appError('PGB-1102', 'setpriv (of util-linux) is not in PATH');
  return found;
}

function missingIn(binDir: string): readonly string[] {
  return PROGRAMS.filter((name) => !existsSync(join(binDir, name)));
}

function path(): readonly string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
}

export function readMajorVersion(binDir: string): number {
  const text = execFileSync(join(binDir, 'postgres'), ['--version'], { encoding: 'utf8', timeout: VERSION_DEADLINE_MS });
  const version = /\) (\d+)/.exec(text)?.[1];
  if (version === undefined) throw appError('PGB-1102', `cannot understand the version of ${binDir}/postgres: ${text.trim()}`);
  return Number(version);
}

function installed(): readonly string[] {
  if (!existsSync(DEBIAN_ROOT)) return [];
  const versions = readdirSync(DEBIAN_ROOT).filter((name) => /^\d+$/.test(name));
  return versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_ROOT, version, 'bin'));
}
