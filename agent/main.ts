/**
 * One agent: builds the real world around the loop and runs it until it is told to stop. Stopping the agent leaves PostgreSQL running under
 * its guard, by design: an upgrade of the agent is no outage, and the guard holds the deadline.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeConfig } from '../shared/config/node-config.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import { createEtcdDcs } from '../shared/dcs/etcd-dcs.ts';
import { keysOf, type Keys } from '../shared/dcs/keys.ts';
import { EPOCH_ZERO } from '../shared/domain/epoch.ts';
import { nameOf } from '../shared/domain/node-id.ts';
import { toAppError, type AppError } from '../shared/errors.ts';
import { createHttpServer } from '../shared/http/server.ts';
import { createLogger, type Logger } from '../shared/logging/logger.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { AlarmWatch } from './alarm-watch.ts';
import { announce, refuseDuplicate, untilNameIsFree } from './announce.ts';
import { addOperatorRoutes } from './api/operator-routes.ts';
import { addPeerRoutes } from './api/peer-routes.ts';
import { addRepairRoute } from './api/store-repair.ts';
import { addVerifierRoute } from './api/verifier-route.ts';
import type { Facts } from './core/facts.ts';
import { departWhenAsked, stopServer } from './departure.ts';
import { connectGuard, type GuardClient } from './guard/guard-client.ts';
import { GUARD_IDLE_MS } from './guard/guard-launch.ts';
import type { Log } from './guard/log.ts';
import { resolveOsUser } from './guard/os-user.ts';
import { AgentLoop } from './loop/agent-loop.ts';
import { Failpoints } from './loop/failpoints.ts';
import { Recorder } from './loop/recording.ts';
import { StoreAsks } from './loop/store-asks.ts';
import { freshIncarnation } from './loop/world.ts';
import { AgentMachine, type MachineStart } from './machine/machine.ts';
import { openNodeFileStore } from './node-file/node-file-store.ts';
import type { NodeFile, NodeFileStore } from './node-file/port.ts';
import { PeerClient } from './peer/peer-client.ts';
import { findBinDir } from './postgres/context.ts';
import { ProxyClient } from './peer/proxy-client.ts';
import { DiskProbe } from './postgres/disk-probe.ts';
import { createLocalPostgres } from './postgres/local-postgres.ts';
import type { Postgres } from './postgres/port.ts';
import { lockStateDirectory } from './state-lock.ts';

const FIRST_CONTACT_MS = 2_000;
const GUARD_READY_MS = 3_000;
const SAVE_DEADLINE_MS = 2_000;
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
  const begun = AbortSignal.any([signal, stopped.signal]);
  try {
    const loaded = await files.load();
    // Beside a primary whose authority is running out there is no time to wait for a store that may be away; nothing of it is believed until it answers.
    const holder = loaded?.accepted?.holder;
    const mayLead = holder !== undefined && nameOf(holder) === config.name;
    const nameIsFree = await refuseDuplicate({ config, dcs, keys, signal: begun }, mayLead ? config.policy.etcdCallMs : FIRST_CONTACT_MS);
    const file = await openNodeFile(files, loaded);
    // Whoever takes its server along goes on deciding until it has handed over.
    const running = config.onTerm === 'stop' ? stopped.signal : begun;
    await runParts({ config, log, dcs, keys, files, file, nameIsFree, asked: signal, signal: running, stop: stopped });
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
  readonly files: NodeFileStore;
  readonly file: NodeFile;
  /** False: the store could not be asked yet. */
  readonly nameIsFree: boolean;
  /** Somebody wants this agent to end. */
  readonly asked: AbortSignal;
  /** It ends now. */
  readonly signal: AbortSignal;
  readonly stop: AbortController;
};

async function runParts({ config, log, dcs, keys, files, file, nameIsFree, asked, signal, stop }: Parts): Promise<void> {
  const { guard, postgres } = openServer(config, log);
  const peers = new PeerClient(config.secrets.peerToken);
  const proxies = new ProxyClient({ dcs, keys, token: config.secrets.peerToken });
  const { policy } = config;
  const { machine, recorder } = openMachine(config, file, log);
  const facts = (): Facts => machine.facts(monotonicMs());
  const crash: { error: AppError | null } = { error: null };
  const store = new StoreAsks(dcs, keys, nameIsFree);
  const disk = new DiskProbe(config.postgres.dataDir);
  const loop = new AgentLoop({
    machine,
    dcs,
    keys,
    store,
    postgres,
    guard,
    files,
    peers,
    proxies,
    disk,
    log,
    failpoints: new Failpoints(process.env['PGBATON_FAILPOINTS']),
    recorder,
    signal,
    crash: (error) => {
      if (crash.error !== null) return;
      // A broken invariant: fence first, then crash. Nobody may go on writing on the word of a mind that contradicts itself.
      crash.error = toAppError(error);
      log.fatal({ err: error }, 'broken invariant: fencing');
      void postgres.kill(10 * policy.killMs).finally(() => {
        stop.abort();
      });
    },
  });
  const server = createHttpServer({ host: config.api.host, port: config.api.port, requestTimeoutMs: 15_000, logger: log });
  addPeerRoutes(server.app, { loop, facts, peerToken: config.secrets.peerToken });
  addVerifierRoute(server.app, { postgres, peerToken: config.secrets.peerToken });
  const alarms = openAlarms({ config, machine, facts, log, postgres });
  addRepairRoute(server.app, { config, facts, dcs, keys, peers });
  addOperatorRoutes(server.app, { config, loop, machine, facts, dcs, keys, alarms: () => alarms.texts() });
  try {
    await server.listen();
    await guard.ready(GUARD_READY_MS);
    log.info({ member: machine.member, pgPort: config.postgres.port, api: config.api.advertiseUrl }, 'agent started');
    const openStore = async (): Promise<void> => {
      if (!nameIsFree) await untilNameIsFree({ config, dcs, keys, signal });
      store.open();
    };
    const departing = departWhenAsked({ config, machine, facts, dcs, keys, log }, { asked, ended: signal, end: () => stop.abort() });
    await Promise.all([openStore(), loop.run(), alarms.run(signal), announce({ config, dcs, keys, machine, signal }), departing]);
    if (config.onTerm === 'stop' && crash.error === null) await stopServer(postgres, log);
  } finally {
    await server.close();
    peers.close();
    proxies.close();
    disk.close();
    await postgres.close();
    await guard.close();
    recorder?.close();
  }
  if (crash.error !== null) throw crash.error;
}

/** The decisions, and who writes down what they are told: `PGBATON_RECORD=DIR` asks for that. */
function openMachine(
  { name, priority, policy, postgres: { adopt, initialize } }: NodeConfig,
  file: NodeFile,
  log: Logger,
): { readonly machine: AgentMachine; readonly recorder: Recorder | null } {
  const salt = randomBytes(9).toString('base64url');
  const start: MachineStart = { self: { name, priority, policy, adopt, initialize }, file, salt, nowMs: monotonicMs() };
  const dir = process.env['PGBATON_RECORD'];
  const recorder = dir === undefined || dir === '' ? null : new Recorder({ dir, name, log, start });
  return { machine: new AgentMachine(start), recorder };
}

function openAlarms({
  config,
  machine,
  facts,
  log,
  postgres,
}: Pick<Parts, 'config' | 'log'> & {
  readonly machine: AgentMachine;
  readonly facts: () => Facts;
  readonly postgres: Postgres;
}): AlarmWatch {
  return new AlarmWatch({
    facts,
    store: () => machine.store.trouble(),
    decided: () => machine.decision.alarm,
    dataDir: config.postgres.dataDir,
    stateDir: config.stateDir,
    walSegmentSizeMb: config.postgres.walSegmentSizeMb ?? DEFAULT_WAL_SEGMENT_MB,
    endpoints: config.etcd.endpoints,
    commitOverrides: (deadlineMs) => postgres.commitOverrides(deadlineMs),
    log,
  });
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

/** The node file as it is now, this start counted in it. */
async function openNodeFile(files: NodeFileStore, loaded: NodeFile | null): Promise<NodeFile> {
  const file: NodeFile = loaded ?? {
    incarnation: freshIncarnation(),
    systemId: null,
    etcdClusterId: null,
    etcdRevision: '0',
    etcdRepair: null,
    bootCount: 0,
    promised: EPOCH_ZERO,
    accepted: null,
    promotion: null,
    dir: 'absent',
    unfit: null,
    nodes: [],
  };
  const started: NodeFile = { ...file, bootCount: file.bootCount + 1 };
  await files.save(started, SAVE_DEADLINE_MS);
  return started;
}
