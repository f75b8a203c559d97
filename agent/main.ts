/**
 * One agent: builds the real world around the loop and runs it until it is told to stop. Stopping the agent leaves PostgreSQL running under
 * its guard, by design: an upgrade of the agent is no outage, and the guard holds the deadline.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pRetry from 'p-retry';
import type { NodeConfig } from '../shared/config/node-config.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import { createEtcdDcs } from '../shared/dcs/etcd-dcs.ts';
import { keysOf, type Keys } from '../shared/dcs/keys.ts';
import { decodeNode, encodeNode } from '../shared/dcs/records.ts';
import { EPOCH_ZERO } from '../shared/domain/epoch.ts';
import { appError, toAppError, type AppError } from '../shared/errors.ts';
import { httpJson } from '../shared/http/client.ts';
import { createHttpServer } from '../shared/http/server.ts';
import { createLogger, type Logger } from '../shared/logging/logger.ts';
import { sleep } from '../shared/runtime/deadline.ts';
import { addOperatorRoutes } from './api/operator-routes.ts';
import { addPeerRoutes } from './api/peer-routes.ts';
import { connectGuard, type GuardClient } from './guard/guard-client.ts';
import { GUARD_IDLE_MS } from './guard/guard-launch.ts';
import type { Log } from './guard/log.ts';
import { AgentLoop } from './loop/agent-loop.ts';
import { freshIncarnation } from './loop/directory-jobs.ts';
import { FailoverClock } from './loop/failover-clock.ts';
import { NodeFileKeeper } from './loop/node-file-keeper.ts';
import { Situation } from './loop/situation.ts';
import { openNodeFileStore } from './node-file/node-file-store.ts';
import type { NodeFile, NodeFileStore } from './node-file/port.ts';
import { PeerClient } from './peer/peer-client.ts';
import { createLocalPostgres } from './postgres/local-postgres.ts';
import type { Postgres } from './postgres/port.ts';
import { StoreTracker } from './store/store-tracker.ts';

const FIRST_CONTACT_MS = 2_000;
const GUARD_READY_MS = 3_000;

/** Resolves when stopped by the signal; rejects with an AppError when this agent must not run. */
export async function runAgent(config: NodeConfig, signal: AbortSignal): Promise<void> {
  const log = createLogger({ level: config.log.level, name: 'agent', base: { node: config.name, cluster: config.cluster } });
  for (const dir of [config.stateDir, config.runDir]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  const dcs = createEtcdDcs({
    endpoints: config.etcd.endpoints,
    callMs: config.policy.etcdCallMs,
    ...(config.etcd.username === null || config.etcd.password === null
      ? {}
      : { auth: { username: config.etcd.username, password: config.etcd.password } }),
    ...(config.etcd.caFile === null ? {} : { tls: tlsOf(config) }),
  });
  const keys = keysOf(config.cluster);
  const files = openNodeFileStore({ path: nodeFilePath(config) });
  const stopped = new AbortController();
  const all = AbortSignal.any([signal, stopped.signal]);
  try {
    await refuseDuplicate(config, dcs, keys, all);
    const keeper = await openNodeFile(files);
    await runParts({ config, log, dcs, keys, keeper, signal: all, stop: stopped });
  } finally {
    await Promise.all([dcs.close(), files.close()]);
  }
}

function nodeFilePath(config: NodeConfig): string {
  return join(config.stateDir, 'node.pgbaton');
}

type Parts = {
  readonly config: NodeConfig;
  readonly log: Logger;
  readonly dcs: Dcs;
  readonly keys: Keys;
  readonly keeper: NodeFileKeeper;
  readonly signal: AbortSignal;
  readonly stop: AbortController;
};

async function runParts({ config, log, dcs, keys, keeper, signal, stop }: Parts): Promise<void> {
  const { guard, postgres } = openServer(config, log);
  const clock = new FailoverClock();
  const peers = new PeerClient(config.secrets.peerToken);
  let wake = (): void => {};
  const store = new StoreTracker({
    dcs,
    keys,
    policy: config.policy,
    identity: { clusterId: keeper.current().etcdClusterId, revision: BigInt(keeper.current().etcdRevision) },
    onChange: () => {
      wake();
    },
    signal,
  });
  const { name, priority, policy } = config;
  const situation = new Situation({
    self: { name, priority, policy, adopt: config.postgres.adopt, initialize: config.postgres.initialize },
    file: keeper,
    store,
    postgres,
  });
  const crash: { error: AppError | null } = { error: null };
  const loop = new AgentLoop({ policy, postgres, guard, file: keeper, store, dcs, keys, situation, peers, clock, log }, signal, (error) => {
    // A broken invariant: fence first, then crash. Nobody may go on writing on the word of a mind that contradicts itself.
    crash.error = toAppError(error);
    log.fatal({ err: error }, 'broken invariant: fencing');
    void postgres.kill(10 * policy.killMs).finally(() => {
      stop.abort();
    });
  });
  wake = () => {
    loop.wake();
  };
  const server = createHttpServer({ host: config.api.host, port: config.api.port, requestTimeoutMs: 15_000, logger: log });
  addPeerRoutes(server.app, { loop, situation, store, peerToken: config.secrets.peerToken });
  addOperatorRoutes(server.app, { config, loop, situation, store, dcs, keys, clock });
  await server.listen();
  try {
    await guard.ready(GUARD_READY_MS);
    log.info({ member: situation.member(), pgPort: config.postgres.port, api: config.api.advertiseUrl }, 'agent started');
    await Promise.all([store.run(), loop.run(), announce({ config, dcs, keys, keeper, store, situation, signal })]);
  } finally {
    await server.close();
    peers.close();
    await postgres.close();
    await guard.close();
  }
  if (crash.error !== null) throw crash.error;
}

/** The guard and, behind it, the local PostgreSQL. */
function openServer(config: NodeConfig, log: Logger): { readonly guard: GuardClient; readonly postgres: Postgres } {
  const say: Log = (level, event, fields) => {
    log[level](fields, event);
  };
  const guard = connectGuard({
    socketPath: join(config.runDir, 'guard.sock'),
    dataDir: config.postgres.dataDir,
    nodeFilePath: nodeFilePath(config),
    logDir: join(config.stateDir, 'log'),
    osUser: config.postgres.osUser,
    configFile: join(config.stateDir, 'postgres', 'postgresql.conf'),
    program: null,
    idleMs: GUARD_IDLE_MS,
    log: say,
  });
  const postgres = createLocalPostgres({
    config: config.postgres,
    secrets: config.secrets,
    name: config.name,
    stateDir: config.stateDir,
    runDir: config.runDir,
    guard,
    log: say,
  });
  return { guard, postgres };
}

function tlsOf(config: NodeConfig): { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } {
  const { caFile, certFile, keyFile } = config.etcd;
  return {
    ...(caFile === null ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === null ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === null ? {} : { key: readFileSync(keyFile) }),
  };
}

/** Two agents under one name would answer for each other's WAL. The name is free when nobody who answers at its address is somebody else. */
async function refuseDuplicate(config: NodeConfig, dcs: Dcs, keys: Keys, signal: AbortSignal): Promise<void> {
  const known = await dcs.read([keys.node(config.name)], { budgetMs: FIRST_CONTACT_MS, signal });
  if (known.kind === 'unavailable') return;
  const decoded = known.records.map((record) => decodeNode(record.value)).find((one) => one.kind === 'ok');
  if (decoded?.kind !== 'ok' || decoded.value.agentUrl === config.api.advertiseUrl) return;
  const reply = await httpJson({ url: `${decoded.value.agentUrl}/status`, method: 'GET', timeoutMs: 1_000 });
  const living =
    reply.kind === 'ok' && typeof reply.body === 'object' && reply.body !== null && 'name' in reply.body && reply.body.name === config.name;
  if (living) throw appError('PGB-1305', `an agent named ${config.name} answers at ${decoded.value.agentUrl}`);
}

async function openNodeFile(files: NodeFileStore): Promise<NodeFileKeeper> {
  const loaded = await files.load();
  const current: NodeFile = loaded ?? {
    incarnation: freshIncarnation(),
    systemId: null,
    etcdClusterId: null,
    etcdRevision: '0',
    bootCount: 0,
    promised: EPOCH_ZERO,
    accepted: null,
    promotion: null,
    dir: 'absent',
  };
  const keeper = new NodeFileKeeper(files, current);
  await keeper.update((file) => ({ ...file, bootCount: file.bootCount + 1 }));
  return keeper;
}

/** Keeps `nodes/<name>` true, and remembers durably which store this is (S6). */
async function announce({
  config,
  dcs,
  keys,
  keeper,
  store,
  situation,
  signal,
}: Omit<Parts, 'log' | 'stop'> & { readonly store: StoreTracker; readonly situation: Situation }): Promise<void> {
  let said = '';
  let savedRevision = BigInt(keeper.current().etcdRevision);
  while (!signal.aborted) {
    const record = encodeNode({
      member: situation.member(),
      bootCount: keeper.current().bootCount,
      pgHost: config.postgres.advertiseHost,
      pgPort: config.postgres.port,
      agentUrl: config.api.advertiseUrl,
      priority: config.priority,
    });
    const trusted = store.facts().regressed === null && store.facts().lastReadAtMs !== null;
    if (trusted && record !== said && (await putNode({ config, dcs, keys, signal }, record))) said = record;
    const { clusterId, revision } = store.identity();
    // Renewals move the revision every second; remembering it now and then is enough to notice a store restored from a backup.
    if (trusted && clusterId !== null && (keeper.current().etcdClusterId === null || revision > savedRevision + 500n)) {
      savedRevision = revision;
      await keeper.update((file) => ({ ...file, etcdClusterId: clusterId, etcdRevision: revision.toString() })).catch(() => null);
    }
    await sleep(said === '' ? 100 : 500, signal);
  }
}

/** Where a node can be found decides nothing, so an ordinary retry with a pause will do. */
async function putNode({ config, dcs, keys, signal }: Pick<Parts, 'config' | 'dcs' | 'keys' | 'signal'>, value: string): Promise<boolean> {
  const options = { budgetMs: 2 * config.policy.etcdCallMs, signal };
  const attempt = async (): Promise<true> => {
    if (await dcs.put({ key: keys.node(config.name), value }, options)) return true;
    throw appError('PGB-1201', 'the address of this node could not be written');
  };
  return pRetry(attempt, { retries: 5, minTimeout: 50, maxTimeout: 1_000, signal }).catch(() => false);
}
