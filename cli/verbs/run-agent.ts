/** `agent`: runs a node's agent in the foreground until SIGTERM or SIGINT. PostgreSQL stays under its guard when the agent goes. */
import type { Command } from 'commander';
import { loadNodeConfig } from '../../shared/config/load.ts';
import { becomeUrgent } from '../../shared/runtime/priority.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import type { Context } from './context.ts';

export function addAgentVerb(program: Command, { terminal }: Context): void {
  program
    .command('agent')
    .description("run a node's agent")
    .requiredOption('--config <file>', "the node's configuration file")
    .action(async ({ config }: { config: string }) => {
      // First of all: reading the programs in is most of what an agent has to do before it can renew its lease again.
      becomeUrgent();
      const loaded = loadNodeConfig(config, terminal.env);
      const signal = shutdownOnSignals().signal;
      // Loaded on demand: no other verb needs the agent and its libraries.
      const { runAgent } = await import('../../agent/main.ts');
      await runAgent(loaded, signal);
    });
}
