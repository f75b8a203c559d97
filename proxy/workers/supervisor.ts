/**
 * A proxy of several processes: starts the workers, starts again whichever ends, and passes on what it is told itself. It must never hold a socket of a
 * client: whatever goes wrong with one session is that worker's affair, and a worker's end reaches its clients at once.
 *
 * The workers share two listening sockets with one queue each, which this process binds for them (node:cluster, SCHED_NONE). Not SCHED_RR: there this
 * process accepts, and a client that is on its way to a worker when that dies stays connected to nobody for ever. Not a socket for each
 * (SO_REUSEPORT): a worker that hangs would keep its share of the new clients, one that dies would reset those in its queue, and a second copy of this
 * program would take half of the clients instead of being told that the port is in use.
 */
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { ProxyConfig } from '../../shared/config/proxy-config.ts';
import { workerConfigs } from '../../shared/config/proxy-workers.ts';
import { appError, type AppError } from '../../shared/errors.ts';
import { createLogger, type Logger } from '../../shared/logging/logger.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { systemRandom } from '../../shared/runtime/random.ts';
import { RestartPause } from './restart-pause.ts';
import type { Order, Report } from './orders.ts';

/** On top of the drain: telling those that are cut, closing the API, leaving the list of proxies. */
const CLOSE_MS = 10_000;

type Ending = {
  readonly how: string;
  /** What it said of a start that failed. */
  readonly failure: AppError | null;
};

type Supervision = { readonly signal: AbortSignal; readonly hurry: AbortSignal; readonly log: Logger };

/** Returns when all workers have ended because they were told to. Throws when one cannot be started in the first place; then none is left either. */
export async function superviseWorkers(config: ProxyConfig, signal: AbortSignal, hurry: AbortSignal): Promise<void> {
  const log = createLogger({ level: config.log.level, name: 'proxy', base: { cluster: config.cluster, node: config.id } });
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: workerProgram(), args: [], execArgv: [] });
  const failed = new AbortController();
  const supervision = { signal: AbortSignal.any([signal, failed.signal]), hurry, log };
  const onReload = (): void => {
    for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) order(worker, { kind: 'reload' });
  };
  // As with one process: without a certificate the signal has the meaning that the system gives it.
  if (config.tls.kind === 'terminate') process.on('SIGHUP', onReload);
  log.info({ workers: config.workers }, 'workers.starting');
  const outcomes = await Promise.allSettled(
    workerConfigs(config).map(async (own) => {
      try {
        await keepRunning(own, supervision);
      } catch (error) {
        failed.abort('a worker cannot be started');
        throw error;
      }
    }),
  );
  process.off('SIGHUP', onReload);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  log.info({}, 'workers.ended');
}

async function keepRunning(config: ProxyConfig, supervision: Supervision): Promise<void> {
  const { log, signal } = supervision;
  const pause = new RestartPause(systemRandom);
  let everStarted = false;
  while (!signal.aborted) {
    const startedMs = monotonicMs();
    const { failure, how } = await runOnce(config, supervision, () => {
      everStarted = true;
    });
    if (signal.aborted) return;
    // At first it is a mistake in the configuration, and whoever starts a proxy sees it. Later on the other workers go on.
    if (failure !== null && !everStarted) throw failure;
    const pauseMs = pause.nextMs(monotonicMs() - startedMs);
    const ended = appError('PGB-1107', `${config.id} ${how}`, failure === null ? {} : { cause: failure });
    log.error({ err: ended, worker: config.id, why: failure?.message ?? how, restartsInMs: Math.round(pauseMs) }, 'worker.ended');
    await sleep(pauseMs, signal);
  }
}

/** Resolves when the worker is no more. */
function runOnce(config: ProxyConfig, { hurry, log, signal }: Supervision, onStarted: () => void): Promise<Ending> {
  const worker = cluster.fork();
  let failure: AppError | null = null;
  let killTimer: NodeJS.Timeout | null = null;
  const onStop = (): void => {
    order(worker, { kind: 'stop', reason: String(signal.reason) });
    killTimer = setTimeout(() => {
      log.error({ worker: config.id }, 'worker.killed');
      worker.process.kill('SIGKILL');
    }, config.drainMs + CLOSE_MS);
  };
  const onHurry = (): void => {
    order(worker, { kind: 'hurry' });
  };
  worker.on('message', (report: Report) => {
    switch (report.kind) {
      case 'listening':
        // What came while it could not hear is said again.
        order(worker, signal.aborted ? { kind: 'stop', reason: String(signal.reason) } : { kind: 'start', config });
        return;
      case 'started':
        log.info({ worker: config.id, workerPid: worker.process.pid, apiPort: config.api.port }, 'worker.started');
        onStarted();
        return;
      case 'failed':
        failure = appError(report.code, report.detail);
        return;
    }
  });
  signal.addEventListener('abort', onStop, { once: true });
  hurry.addEventListener('abort', onHurry, { once: true });
  return new Promise((resolve) => {
    const end = (how: string): void => {
      signal.removeEventListener('abort', onStop);
      hurry.removeEventListener('abort', onHurry);
      if (killTimer !== null) clearTimeout(killTimer);
      resolve({ how, failure });
    };
    worker.on('error', (error: Error) => {
      // Without a process there will be no 'exit'.
      if (worker.process.pid === undefined) end(error.message);
      else log.warn({ worker: config.id, error: error.message }, 'worker.error');
    });
    worker.once('exit', (code: number | null, killedBy: string | null) => {
      end(killedBy === null ? `ended with code ${String(code)}` : `was ended by ${killedBy}`);
    });
  });
}

function order(worker: Worker, what: Order): void {
  // A worker that cannot be told has ended, and 'exit' says so.
  worker.send(what, undefined, undefined, () => undefined);
}

/** Node 20 runs no TypeScript: sources started by a test runner use what was compiled. */
function workerProgram(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../dist/proxy/workers/worker.js' : './worker.js', here));
}
