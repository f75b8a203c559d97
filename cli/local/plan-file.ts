/**
 * Makes the directory of a local cluster and reads it back. The plan is written last of all files, and only where there is none: a directory
 * with a plan is complete, and two `local up` at the same time cannot both believe that it is theirs.
 */
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { appError, messageOf, systemErrorCode } from '../../shared/errors.ts';
import { UsageError } from '../usage-error.ts';
import { findEtcd, findOsUser, findPostgresBinDir, findTool, idsOf, type Environment } from './binaries.ts';
import { freezerFor } from './freezer.ts';
import type { Layout } from './layout.ts';
import { findFreeSubnet } from './network.ts';
import { etcdAddress, nodeAddress, proxyAddress } from './network-plan.ts';
import { nodeYaml, proxyYaml } from './node-yaml.ts';
import { HOST, localPlanSchema, type LocalPlan } from './plan.ts';
import { choosePorts } from './ports.ts';
import { writeSecrets } from './secrets.ts';

export type LocalWishes = {
  readonly nodes: number;
  readonly etcdMembers: number;
  readonly mode: 'quorum' | 'async';
  /** Every component in a network namespace of its own, every node in a freezer group. Root only. */
  readonly namespaces: boolean;
  /** Every node in a freezer group. Root only; implied by namespaces. */
  readonly freezer: boolean;
  readonly rwPort: number | null;
  readonly roPort: number | null;
};

/** Null when nothing was ever made here. */
export function readPlan(layout: Layout): LocalPlan | null {
  let text: string;
  try {
    text = readFileSync(layout.plan, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return localPlanSchema.parse(JSON.parse(text));
  } catch (error) {
    throw appError('PGB-1501', `${layout.plan} is damaged: ${messageOf(error)}`, { cause: error });
  }
}

export async function makePlan(wishes: LocalWishes, env: Environment, uid: number): Promise<LocalPlan> {
  refuseWithoutRoot(wishes, uid);
  const network = wishes.namespaces ? await planNetwork(env) : null;
  const at = (address: (subnet: string) => string): string => (network === null ? HOST : address(network.subnet));
  const id = randomBytes(8).toString('hex');
  const wanted = [wishes.rwPort, wishes.roPort].filter((port) => port !== null);
  const ports = (await choosePorts(wishes.etcdMembers * 2 + wishes.nodes * 2 + 3, wanted)).values();
  const next = (): number => ports.next().value ?? 0;
  return {
    version: 1,
    id,
    cluster: 'local',
    mode: wishes.mode,
    osUser: findOsUser(uid),
    postgresBinDir: findPostgresBinDir(env),
    etcdProgram: findEtcd(env),
    network,
    freezer: wishes.namespaces || wishes.freezer ? requireFreezer(id) : null,
    etcd: Array.from({ length: wishes.etcdMembers }, (_, index) => ({
      name: `e${String(index + 1)}`,
      host: at((subnet) => etcdAddress(subnet, index)),
      clientPort: next(),
      peerPort: next(),
    })),
    nodes: Array.from({ length: wishes.nodes }, (_, index) => ({
      name: `n${String(index + 1)}`,
      host: at((subnet) => nodeAddress(subnet, index)),
      pgPort: next(),
      apiPort: next(),
    })),
    proxy: { host: at(proxyAddress), rwPort: wishes.rwPort ?? next(), roPort: wishes.roPort ?? next(), apiPort: next() },
  };
}

function refuseWithoutRoot({ namespaces, freezer }: LocalWishes, uid: number): void {
  if (uid === 0 || !(namespaces || freezer)) return;
  throw new UsageError(
    'only root can make network namespaces and freezer groups',
    'Leave --namespaces and --freezer out: the cluster then runs as plain processes on 127.0.0.1.',
  );
}

async function planNetwork(env: Environment): Promise<NonNullable<LocalPlan['network']>> {
  const ipProgram = findTool('ip', env);
  return { ipProgram, subnet: await findFreeSubnet(ipProgram) };
}

function requireFreezer(id: string): string {
  const freezer = freezerFor(id);
  if (freezer !== null) return freezer;
  throw new UsageError('this machine has no freezer for control groups', 'Leave --namespaces and --freezer out.');
}

export function refuseForeignDirectory(layout: Layout): void {
  let entries: readonly string[];
  try {
    entries = readdirSync(layout.dir);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (entries.length > 0)
    throw new UsageError(`${layout.dir} is not empty and holds no local cluster`, 'Give an empty or a new directory with --dir.');
}

/** A restarted cluster keeps what it was made as; asking for something else must not be ignored in silence. */
export function refuseOtherWishes(plan: LocalPlan, wishes: LocalWishes, given: ReadonlySet<keyof LocalWishes>): void {
  const present: LocalWishes = {
    nodes: plan.nodes.length,
    etcdMembers: plan.etcd.length,
    mode: plan.mode,
    namespaces: plan.network !== null,
    freezer: plan.freezer !== null,
    rwPort: plan.proxy.rwPort,
    roPort: plan.proxy.roPort,
  };
  for (const key of given) {
    if (wishes[key] === present[key]) continue;
    throw new UsageError(
      `the cluster in this directory was made with ${key} = ${String(present[key])}, not ${String(wishes[key])}`,
      'Leave the option out to start it again as it was, remove it with `pgbaton local down --purge`, or choose another directory.',
    );
  }
}

export function writeFiles(plan: LocalPlan, layout: Layout): void {
  // PostgreSQL's user has to pass through every directory above its own.
  mkdirSync(layout.dir, { recursive: true, mode: 0o755 });
  mkdirSync(`${layout.dir}/nodes`, { recursive: true, mode: 0o755 });
  for (const path of [layout.logs, `${layout.dir}/etcd`]) mkdirSync(path, { recursive: true, mode: 0o700 });
  writeSecrets(layout);
  const owner = plan.osUser === null ? null : idsOf(plan.osUser);
  for (const { name, ...ports } of plan.nodes) {
    for (const path of [layout.nodeDir(name), layout.stateDir(name), layout.runDir(name)]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      if (owner !== null) chownSync(path, owner.uid, owner.gid);
    }
    writeFileSync(layout.nodeConfig(name), nodeYaml(plan, layout, name, ports), { mode: 0o600, flag: 'wx' });
  }
  writeFileSync(layout.proxyConfig, proxyYaml(plan, layout), { mode: 0o600, flag: 'wx' });
  writeFileSync(layout.plan, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
}
