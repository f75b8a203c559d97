/** `proxy`: runs a proxy in the foreground until SIGTERM or SIGINT; its inner verbs speak to proxies that run. */
import type { Command } from 'commander';
import { loadProxyConfig } from '../../shared/config/load.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { UsageError } from '../usage-error.ts';
import type { Context } from './context.ts';
import { addProxyControls } from './proxy-control.ts';

export function addProxyVerb(program: Command, context: Context): void {
  const proxy = program
    .command('proxy')
    // An inner verb has a --config of its own, which names another file.
    .enablePositionalOptions()
    .description('run a proxy, or speak to proxies that run')
    .option('--config <file>', "the proxy's configuration file")
    .action(async ({ config }: { config?: string }) => {
      if (config === undefined)
        throw new UsageError('which proxy is meant?', 'Give --config FILE to run one; `pgbaton proxy --help` lists the other verbs.');
      const loaded = loadProxyConfig(config, context.terminal.env);
      const hurry = new AbortController();
      const { signal } = shutdownOnSignals({
        onAgain: () => {
          hurry.abort();
        },
      });
      // Loaded on demand: no other verb needs the proxy and its libraries, and neither does a process that only watches over others.
      if (loaded.workers > 1) {
        const { superviseWorkers } = await import('../../proxy/workers/supervisor.ts');
        await superviseWorkers(loaded, signal, hurry.signal);
        return;
      }
      const { runProxy } = await import('../../proxy/main.ts');
      await runProxy(loaded, signal, hurry.signal);
    });
  addProxyControls(proxy, context);
}
