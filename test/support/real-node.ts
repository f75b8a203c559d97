// A data directory with its guard, node file and PostgreSQL port, as an agent would hold them; for integration tests. Needs dist/.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { connectGuard, type GuardClient } from '../../agent/guard/guard-client.ts';
import { guardProcesses } from '../../agent/guard/guard-launch.ts';
import { processesIn, realDirectory, send } from '../../agent/guard/process-tree.ts';
import { openNodeFileStore } from '../../agent/node-file/node-file-store.ts';
import type { NodeFile, NodeFileStore } from '../../agent/node-file/port.ts';
import { createLocalPostgres } from '../../agent/postgres/local-postgres.ts';
import type { Follow, Outcome, Postgres, ServerFacts } from '../../agent/postgres/port.ts';
import { slotName } from '../../shared/domain/node-id.ts';
import type { NodePostgresConfig, NodeSecrets } from '../../shared/config/node-config.ts';
import { epoch, type Epoch } from '../../shared/domain/epoch.ts';
import { memberId, type Incarnation, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { freePort } from './free-ports.ts';
import { until } from './until.ts';

export const SECRETS: NodeSecrets = {
  superuserPassword: 'super: secret\\1',
  replicationPassword: 'replication: secret\\2',
  monitorPassword: 'monitor-secret-3',
  rewindPassword: "rewind' secret-4",
  peerToken: 'peer-token-0123456789',
};

export const NEVER: AbortSignal = new AbortController().signal;

export type RealNode = {
  readonly name: string;
  readonly member: MemberId;
  readonly base: string;
  readonly dataDir: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly port: number;
  readonly nodeFile: NodeFileStore;
  readonly guard: GuardClient;
  readonly postgres: Postgres;
  /** The same node under a new agent: new client, same guard. */
  readonly reopen: () => { readonly guard: GuardClient; readonly postgres: Postgres };
  readonly remove: () => Promise<void>;
};

export async function makeNode(name: string, changes: Partial<NodePostgresConfig> = {}, idleMs = 2_000): Promise<RealNode> {
  const base = mkdtempSync(join(tmpdir(), `pgbaton-it-${name}-`));
  chmodSync(base, 0o755);
  const dataDir = join(base, 'data');
  const runDir = join(base, 'run');
  const stateDir = join(base, 'state');
  mkdirSync(stateDir, { mode: 0o755 });
  mkdirSync(runDir, { mode: 0o755 });
  const port = await freePort();
  const config: NodePostgresConfig = {
    dataDir,
    binDir: null,
    listenAddresses: '127.0.0.1',
    port,
    advertiseHost: '127.0.0.1',
    parameters: { shared_buffers: '16MB', max_connections: '40', log_line_prefix: '%m [%p] ' },
    hba: ['host all all 127.0.0.1/32 scram-sha-256'],
    osUser: process.getuid?.() === 0 ? 'postgres' : null,
    baseConfigFile: null,
    adopt: false,
    initialize: true,
    walSegmentSizeMb: 4,
    ...changes,
  };
  const guardOptions = {
    socketPath: join(runDir, 'guard.sock'),
    dataDir,
    nodeFilePath: join(stateDir, 'node.pgbaton'),
    logDir: join(stateDir, 'log'),
    osUser: config.osUser,
    configFile: join(stateDir, 'postgres', 'postgresql.conf'),
    program: null,
    idleMs,
  };
  const reopen = (): { guard: GuardClient; postgres: Postgres } => {
    const guard = connectGuard(guardOptions);
    return { guard, postgres: createLocalPostgres({ config, secrets: SECRETS, name, stateDir, runDir, guard }) };
  };
  const nodeFile = openNodeFileStore({ path: guardOptions.nodeFilePath });
  const { guard, postgres } = reopen();
  await until(`${name} has a guard`, 5_000, () => guard.status() !== null);
  const remove = async (): Promise<void> => {
    await postgres.close();
    await guard.close();
    await nodeFile.close();
    for (const pid of guardProcesses(guardOptions.socketPath)) send(pid, 'SIGKILL');
    await until(`nothing of ${name} is left`, 10_000, () => {
      for (const pid of processesIn(realDirectory(dataDir))) send(pid, 'SIGKILL');
      return processesIn(realDirectory(dataDir)).length === 0;
    });
    rmSync(base, { recursive: true, force: true });
  };
  const member = memberId(name as NodeName, randomBytes(6).toString('hex') as Incarnation);
  return { name, member, base, dataDir, runDir, stateDir, port, nodeFile, guard, postgres, reopen, remove };
}

export function followOf(source: RealNode, node: RealNode, value: bigint): Follow {
  return { epoch: epoch(value), host: '127.0.0.1', port: source.port, slot: slotName(node.member) };
}

export function nodeFileOf(node: RealNode, promised: bigint): NodeFile {
  const [, incarnation = ''] = node.member.split('~');
  return {
    incarnation: incarnation as Incarnation,
    systemId: null,
    etcdClusterId: null,
    etcdRevision: '0',
    etcdRepair: null,
    bootCount: 1,
    promised: epoch(promised) as Epoch,
    accepted: null,
    promotion: null,
    dir: 'ok',
    unfit: null,
    nodes: [],
  };
}

/** A durable promise and a right until far away. */
export async function mayLead(node: RealNode, value: bigint, forMs = 600_000): Promise<void> {
  await node.nodeFile.save(nodeFileOf(node, value), 2_000);
  await node.guard.request({ kind: 'deadline', epoch: value.toString(), untilMs: monotonicMs() + forMs }, 1_000);
}

export async function ok(outcome: Promise<Outcome>): Promise<void> {
  const result = await outcome;
  if (result.kind === 'failed') throw new Error(`${result.code}: ${result.why}`);
}

export async function factsOf(node: Pick<RealNode, 'name' | 'postgres'>): Promise<ServerFacts> {
  const state = await node.postgres.observe(2_000);
  if (state.kind !== 'running') throw new Error(`${node.name} is ${JSON.stringify(state)}`);
  return state.facts;
}

/** A client of the superuser, over TCP as an application would come. */
export async function clientOf(node: Pick<RealNode, 'port'>, connectMs = 5_000): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: node.port,
    user: 'postgres',
    password: SECRETS.superuserPassword,
    database: 'postgres',
    connectionTimeoutMillis: connectMs,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
