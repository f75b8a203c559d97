/** `topology`: who follows whom, as a tree, and the proxies in front. */
import type { Command } from 'commander';
import { requireCluster } from '../agent-client.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { renderTopology } from '../render/cluster.ts';
import { printOnceOrWatch, watchMs } from '../watch.ts';
import { addOutputOption, type Context, type OutputFormat } from './context.ts';

type Options = WhereOptions & { readonly output: OutputFormat; readonly watch?: string | boolean };

export function addTopologyVerb(program: Command, { terminal }: Context): void {
  addOutputOption(addWhereOptions(program.command('topology').description('show the cluster as a tree')))
    .option('--watch [seconds]', 'repeat until interrupted')
    .action(async (options: Options) => {
      const { agentUrls } = findCluster(options, terminal.env);
      const json = options.output === 'json';
      await printOnceOrWatch(terminal, watchMs(options.watch), json, async () => {
        const cluster = await requireCluster(agentUrls);
        return json ? `${JSON.stringify(cluster)}\n` : renderTopology(cluster);
      });
    });
}
