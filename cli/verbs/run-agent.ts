/** `agent`: runs a node's agent in the foreground until SIGTERM or SIGINT. PostgreSQL stays under its guard when the agent goes. */
import type { Command } from 'commander';
import { loadNodeConfig } from '../../shared/config/load.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import type { Context } from './context.ts';

export function addAgentVerb(program: Command, { terminal }: Context): void {
  program
    .command('agent')
    .description("run a node's agent")
    .requiredOption('--config <file>', "the node's configuration file")
    .action(async ({ config }: { config: string }) => {
      const loaded = loadNodeConfig(config, terminal.env);
      const signal = shutdownOnSignals().signal;
      // Loaded on demand: no other verb needs the agent and its libraries.
      const { runAgent } = await import('../../agent/main.ts');
      await runAgent(loaded, signal);
    });
}
