/**
 * Where the cluster a verb is about can be asked, and with what token. `--agent` names it, `--config` reads it from a node's file, `--dir` from a
 * local cluster; without any of them a local cluster in the default directory is meant. It never guesses a remote address.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { loadNodeConfig } from '../shared/config/load.ts';
import { appError, messageOf } from '../shared/errors.ts';
import { layoutOf, localDir } from './local/layout.ts';
import { agentUrlsOf } from './local/plan.ts';
import { readPlan } from './local/plan-file.ts';
import { readLocalSecret } from './local/secrets.ts';
import { UsageError } from './usage-error.ts';

export type WhereOptions = {
  readonly agent?: readonly string[];
  readonly config?: string;
  readonly dir?: string;
  readonly tokenFile?: string;
};

export type Where = { readonly agentUrls: readonly string[]; readonly token: () => string };

type Environment = Readonly<Record<string, string | undefined>>;

export function addWhereOptions(command: Command): Command {
  return command
    .option('--agent <url...>', 'base URL of one or more agents, e.g. http://10.0.0.1:8008')
    .option('--config <file>', "a node's configuration file")
    .option('--dir <dir>', 'directory of a local cluster')
    .option('--token-file <file>', 'file with the peer token, for --agent (or PGBATON_SECRET_PEER_TOKEN)');
}

export function findCluster(options: WhereOptions, env: Environment): Where {
  const given = [options.agent, options.config, options.dir].filter((option) => option !== undefined);
  if (given.length > 1)
    throw new UsageError('--agent, --config and --dir exclude each other', 'Each of them says where the cluster is; give one.');
  if (options.agent !== undefined) return { agentUrls: options.agent.map(baseUrl), token: () => tokenFor(options, env) };
  if (options.config !== undefined) {
    const config = loadNodeConfig(options.config, env);
    return { agentUrls: [config.api.advertiseUrl], token: () => config.secrets.peerToken };
  }
  const layout = layoutOf(localDir(options.dir, env));
  const plan = readPlan(layout);
  if (plan === null && options.dir === undefined) {
    throw new UsageError(
      'which cluster is meant?',
      'Give --agent URL, --config FILE or --dir DIR; `pgbaton local up` makes a cluster to try.',
    );
  }
  if (plan === null) throw appError('PGB-1501', layout.dir);
  return {
    agentUrls: agentUrlsOf(plan),
    token: () => readLocalSecret(layout, 'peer-token'),
  };
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`${text} is not a URL`, 'It looks like http://10.0.0.1:8008.');
  return url.origin;
}

function tokenFor({ tokenFile }: WhereOptions, env: Environment): string {
  const inline = env['PGBATON_SECRET_PEER_TOKEN'];
  if (tokenFile === undefined) {
    if (inline !== undefined && inline !== '') return inline;
    throw new UsageError(
      'this command needs the peer token',
      'Give --token-file FILE, set PGBATON_SECRET_PEER_TOKEN, or use --config FILE on a node.',
    );
  }
  try {
    return readFileSync(tokenFile, 'utf8').trim();
  } catch (error) {
    throw appError('PGB-1003', messageOf(error), { cause: error });
  }
}
