/**
 * One worker: a whole proxy as a child of supervisor.ts, which tells it what to be and when to end. It must never outlive the supervisor for longer than its
 * drain, and never take one wish to end for two: a Ctrl-C or a service manager signals parent and child alike, and the second would cut what may still
 * end by itself. So signals ask for a drain only, and the hurry comes by word of the supervisor alone.
 */
import cluster from 'node:cluster';
import { assert } from '../../shared/assert.ts';
import { toAppError } from '../../shared/errors.ts';
import { aborted } from '../../shared/runtime/deadline.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import type { ProxyConfig } from '../../shared/config/proxy-config.ts';
import { runProxy, type RunningProxy } from '../main.ts';
import type { Order, Report } from './orders.ts';

const { worker } = cluster;
assert(worker !== undefined, 'a worker is started by a supervisor');

const stop = new AbortController();
const hurry = new AbortController();
const orphaned = new AbortController();
let running: RunningProxy | null = null;

/** Null: it is to end before it was told what to be. */
const configured = new Promise<ProxyConfig | null>((resolve) => {
  stop.signal.addEventListener('abort', () => {
    resolve(null);
  });
  process.on('message', (order: Order) => {
    switch (order.kind) {
      case 'start':
        resolve(order.config);
        return;
      case 'stop':
        stop.abort(order.reason);
        return;
      case 'hurry':
        hurry.abort();
        return;
      case 'reload':
        running?.reloadTls?.();
        return;
    }
  });
});

worker.once('disconnect', () => {
  // Otherwise node:cluster ends the process here and now, with every session in it.
  worker.exitedAfterDisconnect = true;
  orphaned.abort();
  stop.abort('the supervisor is gone');
});

void aborted(shutdownOnSignals().signal).then(() => {
  stop.abort('a signal to this worker');
});
// Sent to the whole group when a terminal closes: it ends the supervisor, and a worker then drains like any other orphan instead of falling at once.
process.on('SIGHUP', () => undefined);

/** A successor of the supervisor starts workers with the same ports; those for clients are free as soon as nobody accepts. */
async function leaveApi(proxy: RunningProxy): Promise<void> {
  await aborted(orphaned.signal);
  await proxy.closeApi();
}

function report(what: Report): Promise<void> {
  // Whoever cannot be told is gone, which 'disconnect' says.
  return new Promise((resolve) => {
    if (worker === undefined || !worker.isConnected()) resolve();
    else
      worker.send(what, undefined, undefined, () => {
        resolve();
      });
  });
}

try {
  await report({ kind: 'listening' });
  const config = await configured;
  if (config !== null)
    await runProxy(config, stop.signal, hurry.signal, (proxy) => {
      running = proxy;
      void leaveApi(proxy);
      void report({ kind: 'started' });
    });
  process.exit(0);
} catch (error) {
  const { code, detail, exitCode } = toAppError(error);
  await report({ kind: 'failed', code, detail });
  process.exit(exitCode);
}
