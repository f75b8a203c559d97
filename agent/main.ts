/**
 * One agent: builds the real world around the loop and runs it until it is told to stop. Stopping the agent leaves PostgreSQL running under
 * its guard, by design: an upgrade of the agent is no outage, and the guard holds the deadline.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeConfig } from '../shared/config/node-config.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import { createEtcdDcs } from '../shared/dcs/etcd-dcs.ts';
import { keysOf, type Keys } from '../shared/dcs/keys.ts';
import { EPOCH_ZERO } from '../shared/domain/epoch.ts';
import { toAppError, type AppError } from '../shared/errors.ts';
import { createHttpServer } from '../shared/http/server.ts';
import { createLogger, type Logger } from '../shared/logging/logger.ts';
import { AlarmWatch } from './alarm-watch.ts';
import { announce, refuseDuplicate, untilNameIsFree } from './announce.ts';
import { addOperatorRoutes } from './api/operator-routes.ts';
import { addPeerRoutes } from './api/peer-routes.ts';
import { connectGuard, type GuardClient } from './guard/guard-client.ts';
import { GUARD_IDLE_MS } from './guard/guard-launch.ts';
import type { Log } from './guard/log.ts';
import { resolveOsUser } from './guard/os-user.ts';
import { AgentLoop } from './loop/agent-loop.ts';
import { freshIncarnation } from './loop/directory-jobs.ts';
import { FailoverClock } from './loop/failover-clock.ts';
import { NodeFileKeeper } from './loop/node-file-keeper.ts';
import { OperationBoard } from './loop/operation-board.ts';
import { Situation } from './loop/situation.ts';
import { openNodeFileStore } from './node-file/node-file-store.ts';
import type { NodeFile, NodeFileStore } from './node-file/port.ts';
import { PeerClient } from './peer/peer-client.ts';
import { findBinDir } from './postgres/context.ts';
import { createLocalPostgres } from './postgres/local-postgres.ts';
import type { Postgres } from './postgres/port.ts';
import { lockStateDirectory } from './state-lock.ts';
import { StoreTracker } from './store/store-tracker.ts';

const GUARD_READY_MS = 3_000;
const DEFAULT_WAL_SEGMENT_MB = 16;

/** Resolves when stopped by the signal; rejects with an AppError when this agent must not run. */
export async function runAgent(config: NodeConfig, signal: AbortSignal): Promise<void> {
  const log = createLogger({ level: config.log.level, name: 'agent', base: { node: config.name, cluster: config.cluster } });
  // Before anything is made or started: what is missing on this machine no retry will bring.
  findBinDir(config.postgres.binDir);
  resolveOsUser(config.postgres.osUser);
  for (const dir of [config.stateDir, config.runDir]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  const lock = await lockStateDirectory(config.stateDir);
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
    const nameIsFree = await refuseDuplicate({ config, dcs, keys, signal: all });
    const keeper = await openNodeFile(files);
    await runParts({ config, log, dcs, keys, keeper, nameIsFree, signal: all, stop: stopped });
  } finally {
    await Promise.all([dcs.close(), files.close()]);
    lock.close();
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
  /** False: the store could not be asked yet. */
  readonly nameIsFree: boolean;
  readonly signal: AbortSignal;
  readonly stop: AbortController;
};

async function runParts({ config, log, dcs, keys, keeper, nameIsFree, signal, stop }: Parts): Promise<void> {
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
  const operations = new OperationBoard({ dcs, keys, callMs: policy.etcdCallMs });
  const loop = new AgentLoop(
    { policy, postgres, guard, file: keeper, store, dcs, keys, situation, peers, clock, operations, log },
    signal,
    (error) => {
      // A broken invariant: fence first, then crash. Nobody may go on writing on the word of a mind that contradicts itself.
      crash.error = toAppError(error);
      log.fatal({ err: error }, 'broken invariant: fencing');
      void postgres.kill(10 * policy.killMs).finally(() => {
        stop.abort();
      });
    },
  );
  wake = () => {
    loop.wake();
  };
  const server = createHttpServer({ host: config.api.host, port: config.api.port, requestTimeoutMs: 15_000, logger: log });
  addPeerRoutes(server.app, { loop, situation, store, peerToken: config.secrets.peerToken });
  const alarms = new AlarmWatch({
    facts: () => situation.facts(),
    store: () => store.trouble(),
    decided: () => loop.decision().alarm,
    dataDir: config.postgres.dataDir,
    stateDir: config.stateDir,
    walSegmentSizeMb: config.postgres.walSegmentSizeMb ?? DEFAULT_WAL_SEGMENT_MB,
    endpoints: config.etcd.endpoints,
    log,
  });
  addOperatorRoutes(server.app, { config, loop, situation, store, dcs, keys, clock, alarms: () => alarms.texts() });
  try {
    await server.listen();
    await guard.ready(GUARD_READY_MS);
    log.info({ member: situation.member(), pgPort: config.postgres.port, api: config.api.advertiseUrl }, 'agent started');
    const runStore = async (): Promise<void> => {
      if (!nameIsFree) await untilNameIsFree({ config, dcs, keys, signal });
      await store.run();
    };
    await Promise.all([runStore(), loop.run(), alarms.run(signal), announce({ config, dcs, keys, keeper, store, situation, signal })]);
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
