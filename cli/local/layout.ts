/**
 * Where everything of a local cluster lies. Pure paths; it creates nothing. Whatever stands here is what `local down` may remove.
 */
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError } from '../usage-error.ts';

export type Layout = {
  readonly dir: string;
  readonly plan: string;
  readonly runtime: string;
  /** A file of this name in it keeps the supervisor from restarting that process. */
  readonly hold: string;
  readonly logs: string;
  readonly secrets: string;
  readonly proxyConfig: string;
  readonly etcdData: (name: string) => string;
  readonly log: (name: string) => string;
  readonly secret: (name: string) => string;
  readonly nodeDir: (name: string) => string;
  readonly nodeConfig: (name: string) => string;
  readonly dataDir: (name: string) => string;
  readonly stateDir: (name: string) => string;
  readonly runDir: (name: string) => string;
};

/** A Unix socket's path must stay below 108 bytes; the longest one made in here is about 40 bytes longer than the directory. */
const DIR_LENGTH_MAX = 64;

export function layoutOf(dir: string): Layout {
  const nodeDir = (name: string): string => join(dir, 'nodes', name);
  return {
    dir,
    plan: join(dir, 'plan.json'),
    runtime: join(dir, 'cluster.json'),
    hold: join(dir, 'hold'),
    logs: join(dir, 'log'),
    secrets: join(dir, 'secrets'),
    proxyConfig: join(dir, 'proxy.yaml'),
    etcdData: (name) => join(dir, 'etcd', name),
    log: (name) => join(dir, 'log', `${name}.log`),
    secret: (name) => join(dir, 'secrets', name),
    nodeDir,
    nodeConfig: (name) => join(dir, `${name}.yaml`),
    dataDir: (name) => join(nodeDir(name), 'data'),
    stateDir: (name) => join(nodeDir(name), 'state'),
    runDir: (name) => join(nodeDir(name), 'run'),
  };
}

/** Option, else environment, else below /tmp: PostgreSQL's user must be able to reach it, and a home directory often forbids that. */
export function localDir(option: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  const fromEnv = env['PGBATON_LOCAL_DIR'];
  const dir = resolve(
    option ?? (fromEnv !== undefined && fromEnv !== '' ? fromEnv : join('/tmp', `pgbaton-${String(userInfo().uid)}`, 'default')),
  );
  if (Buffer.byteLength(dir) > DIR_LENGTH_MAX) {
    throw new UsageError(
      `the directory's path is longer than ${String(DIR_LENGTH_MAX)} bytes: ${dir}`,
      'Unix sockets are made in it, and their paths are limited; choose a shorter one with --dir.',
    );
  }
  return dir;
}
