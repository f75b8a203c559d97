/**
 * Puts the proxy together and runs it until it is told to stop. It holds no state that matters: killed at any moment and started again it
 * learns everything from etcd and the agents.
 */
import { createLogger, type Logger } from '../shared/logging/logger.ts';
import type { ProxyConfig } from '../shared/config/proxy-config.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import { keysOf } from '../shared/dcs/keys.ts';
import { encodeProxy } from '../shared/dcs/records.ts';
import { aborted, withDeadline } from '../shared/runtime/deadline.ts';
import { createAgentClient } from './agent-client.ts';
import { createApi, type ProxyIdentity } from './api.ts';
import type { Port } from './core/admission.ts';
import { Cancels } from './cancel.ts';
import { ClientTls } from './client-tls.ts';
import { Gate } from './gate.ts';
import { Listener } from './listener.ts';
import { createOtherProxies } from './peer-cancel.ts';
import { Presence } from './presence.ts';
import { Mover } from './move/mover.ts';
import { Router } from './router.ts';
import type { OperatorParts } from './operator-api.ts';
import { openServerTls } from './server-tls.ts';
import { openStore } from './store.ts';
import { Turnstile } from './turnstile.ts';
import { ViewFollower } from './view.ts';
import { WeakCommits } from './weak-commits.ts';

/** Clients of one port at once, held ones included; the file descriptor limit of the process usually comes first. */
const MAX_CLIENTS = 50_000;
/**
 * Clients of one port that approach a server at the same moment, all workers together: well below the listen queue of a PostgreSQL with default settings,
 * which does not know how many processes we are.
 */
const CONCURRENT_DIALS = 64;

/** A cut session is told, and has its time to read it (relay.ts). */
const CUT_MS = 1_500;
const NO_HURRY = new AbortController().signal;

export type RunningProxy = {
  readonly rwPort: number;
  readonly roPort: number;
  readonly apiPort: number;
  /** Takes a renewed certificate for clients that come from now on; null: TLS does not end here. */
  readonly reloadTls: (() => void) | null;
  /** Accepts nobody any more and waits until all sessions have ended, or have been cut when the time is over. The API stays. */
  readonly drain: (withinMs: number, hurry: AbortSignal) => Promise<void>;
  /** Frees the port of the API before the end, for a successor that wants it now. */
  readonly closeApi: () => Promise<void>;
  /** Cuts every session, frees the ports and leaves the list of proxies. The store stays the caller's. */
  readonly close: () => Promise<void>;
};

/** Runs until the signal, and then until its sessions have ended by themselves or `drainMs` is over; `hurry` ends that, too. A port that is in use or a certificate that cannot be read is thrown as AppError. */
export async function runProxy(
  config: ProxyConfig,
  signal: AbortSignal,
  hurry: AbortSignal = NO_HURRY,
  onStarted: (proxy: RunningProxy) => void = () => undefined,
): Promise<void> {
  const log = createLogger({ level: config.log.level, name: 'proxy', base: { cluster: config.cluster, node: config.id } });
  const dcs = openStore(config.etcd, log);
  try {
    const proxy = await startProxy(config, dcs, log);
    log.info({ rwPort: proxy.rwPort, roPort: proxy.roPort, apiPort: proxy.apiPort }, 'proxy.started');
    onStarted(proxy);
    const { reloadTls } = proxy;
    if (reloadTls !== null) process.on('SIGHUP', reloadTls);
    await aborted(signal);
    log.info({ reason: String(signal.reason) }, 'proxy.stopping');
    await proxy.drain(config.drainMs, hurry);
    await proxy.close();
    if (reloadTls !== null) process.off('SIGHUP', reloadTls);
  } finally {
    await dcs.close();
  }
}

export async function startProxy(config: ProxyConfig, dcs: Dcs, log: Logger): Promise<RunningProxy> {
  const serverTls = config.serverTls === 'off' ? 'off' : openServerTls(config.serverTls);
  const clientTls = config.tls.kind === 'pass' ? null : new ClientTls(config.tls);
  const keys = keysOf(config.cluster);
  const agents = createAgentClient(config.peerToken);
  const view = new ViewFollower({ dcs, keys, agents, log });
  const gate = new Gate();
  const router = new Router(
    { view, gate, log },
    {
      holdMs: config.holdMs,
      holdMax: config.holdMax,
      maxLagBytes: config.maxLagBytes,
      fallback: config.roFallback,
      waitMs: config.roWaitMs,
    },
  );
  const dials = Math.ceil(CONCURRENT_DIALS / config.workers);
  const cancels = new Cancels(
    createOtherProxies(config.peerToken, config.id, () => view.current),
    serverTls,
  );
  const weakCommits = new WeakCommits(config.weakCommits);
  const open = (serves: Port, port: number): Listener =>
    // A place of its own for each port: standbys that hang must not stand in the way of the leader.
    new Listener(
      { host: config.listenHost, port, serves, maxConnections: MAX_CLIENTS },
      { router, agents, cancels, weakCommits, clientTls, serverTls, log, turnstile: new Turnstile(dials) },
    );
  const listeners = [open('rw', config.rwPort), open('ro', config.roPort)] as const;
  heedGate(gate, { router, listeners, log });
  const operators = { token: config.peerToken, gate, sessions: (limit: number) => sessionsOf(listeners, limit) };
  const mover = new Mover({ router, holdMs: config.holdMs, deps: { router, agents, log, tls: serverTls }, log });
  let identity: ProxyIdentity = { id: config.id, cluster: config.cluster, rwPort: config.rwPort, roPort: config.roPort };
  const api = createApi({ ...config.api, identity: () => identity, view, router, operators, movers: mover, cancels, weakCommits, log });

  let presence: Presence | null = null;
  const close = async (): Promise<void> => {
    await Promise.all([...listeners.map((listener) => listener.close()), api.close(), presence?.close()]);
    gate.close();
    mover.close();
    view.close();
    cancels.close();
    agents.close();
  };
  view.start();
  try {
    const [rwPort, roPort] = await Promise.all([listeners[0].listen(), listeners[1].listen()]);
    identity = { ...identity, rwPort, roPort };
    const bound = await api.listen();
    const url = config.api.advertiseUrl ?? urlOf(bound);
    presence = new Presence({ dcs, key: keys.proxy(config.id), value: encodeProxy({ id: config.id, rwPort, roPort, url }) });
    presence.start();
    const drain = async (withinMs: number, hurry: AbortSignal): Promise<void> => {
      gate.drain(withinMs, null);
      const left = Promise.all([presence?.close(), ...listeners.map((listener) => listener.stopAccepting())]);
      // The cut comes at the end of the time, and a cut session needs a moment to be told.
      await withDeadline(async () => left, withinMs + CUT_MS, hurry);
    };
    return { rwPort, roPort, apiPort: bound.port, reloadTls: reloaderOf(clientTls, log), drain, closeApi: api.close, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** A renewal that went wrong is no outage: the former certificate stays. */
function reloaderOf(clientTls: ClientTls | null, log: Logger): (() => void) | null {
  if (clientTls === null) return null;
  return () => {
    try {
      clientTls.reload();
      log.info({}, 'proxy.certificate-reloaded');
    } catch (error) {
      log.error({ err: error }, 'proxy.certificate-not-reloaded');
    }
  };
}

function heedGate(
  gate: Gate,
  { router, listeners, log }: { readonly router: Router; readonly listeners: readonly Listener[]; readonly log: Logger },
): void {
  gate.listen({
    onChange: () => {
      log.info({ admission: gate.status }, 'proxy.admission');
      router.wake();
    },
    onCut: () => {
      for (const listener of listeners) listener.cutAll('its time to end by itself is over');
    },
  });
}

function sessionsOf(listeners: readonly Listener[], limit: number): ReturnType<OperatorParts['sessions']> {
  const total = listeners.reduce((sum, listener) => sum + listener.sessionCount, 0);
  return { total, sessions: listeners.flatMap((listener) => listener.sessions(limit)).slice(0, limit) };
}
