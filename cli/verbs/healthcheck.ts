/** `healthcheck`: is the program of this configuration alive? For containers and service managers. It says nothing about the cluster. */
import type { Command } from 'commander';
import { appError } from '../../shared/errors.ts';
import { ask } from '../agent-client.ts';
import { loadAnyConfig } from '../config-kind.ts';
import type { Context } from './context.ts';

const BUDGET_MS = 2_000;

export function addHealthcheckVerb(program: Command, { terminal }: Context): void {
  program
    .command('healthcheck')
    .description('exit 0 when the agent or proxy of this configuration is live')
    .requiredOption('--config <file>', "a node's or a proxy's configuration file")
    .action(async ({ config: file }: { config: string }) => {
      const { config } = loadAnyConfig(file, terminal.env);
      // An address that means "all of them" is no address to call.
      const host =
        { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[config.api.host] ??
        (config.api.host.includes(':') ? `[${config.api.host}]` : config.api.host);
      const url = `http://${host}:${String(config.api.port)}/liveness`;
      const reply = await ask({ url, budgetMs: BUDGET_MS });
      if (reply.kind === 'silent') throw appError('PGB-1407', `${url}: ${reply.why}`);
      // Any answer but a failure proves life, also that of another version which does not know the path.
      if (reply.status >= 500) throw appError('PGB-1407', `${url}: HTTP ${String(reply.status)}`);
      terminal.out('live\n');
    });
}
