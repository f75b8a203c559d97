/** `healthcheck`: is the program of this configuration alive? For containers and service managers. It says nothing about the cluster. */
import type { Command } from 'commander';
import { workerConfigs } from '../../shared/config/proxy-workers.ts';
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
      const loaded = loadAnyConfig(file, terminal.env);
      const configs = loaded.kind === 'proxy' && loaded.config.workers > 1 ? workerConfigs(loaded.config) : [loaded.config];
      const outcomes = await Promise.all(configs.map(async ({ api }) => whyNotLive(api)));
      // One worker that lives is a proxy that serves: whoever ends a container for the sake of another ends the sessions of all.
      if (!outcomes.includes(null)) throw appError('PGB-1407', outcomes.join('; '));
      terminal.out('live\n');
    });
}

/** Null: it lives. */
async function whyNotLive({ host, port }: { readonly host: string; readonly port: number }): Promise<string | null> {
  // An address that means "all of them" is no address to call.
  const called = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);
  const url = `http://${called}:${String(port)}/liveness`;
  const reply = await ask({ url, budgetMs: BUDGET_MS });
  if (reply.kind === 'silent') return `${url}: ${reply.why}`;
  // Any answer but a failure proves life, also that of another version which does not know the path.
  return reply.status >= 500 ? `${url}: HTTP ${String(reply.status)}` : null;
}
