/** `proxy`: runs a proxy in the foreground until SIGTERM or SIGINT. */
import type { Command } from 'commander';
import { loadProxyConfig } from '../../shared/config/load.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import type { Context } from './context.ts';

export function addProxyVerb(program: Command, { terminal }: Context): void {
  program
    .command('proxy')
    .description('run a proxy')
    .requiredOption('--config <file>', "the proxy's configuration file")
    .action(async ({ config }: { config: string }) => {
      const loaded = loadProxyConfig(config, terminal.env);
      const signal = shutdownOnSignals().signal;
      // Loaded on demand: no other verb needs the proxy and its libraries.
      const { runProxy } = await import('../../proxy/main.ts');
      await runProxy(loaded, signal);
    });
}
