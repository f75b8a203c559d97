/** `list`: every node of the cluster in one table. */
import type { Command } from 'commander';
import { requireCluster } from '../agent-client.ts';
import { summarize } from '../cluster-summary.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { renderList } from '../render/cluster.ts';
import { printOnceOrWatch, watchMs } from '../watch.ts';
import { addOutputOption, type Context, type OutputFormat } from './context.ts';

type Options = WhereOptions & { readonly output: OutputFormat; readonly watch?: string | boolean };

export function addListVerb(program: Command, { terminal }: Context): void {
  const command = program.command('list').alias('status').description('show every node of the cluster');
  addOutputOption(addWhereOptions(command))
    .option('--watch [seconds]', 'repeat until interrupted')
    .action(async (options: Options) => {
      const { agentUrls } = findCluster(options, terminal.env);
      const json = options.output === 'json';
      await printOnceOrWatch(terminal, watchMs(options.watch), json, async () => {
        const cluster = await requireCluster(agentUrls);
        return json ? `${JSON.stringify({ ...cluster, ...summarize(cluster) })}\n` : renderList(cluster);
      });
    });
}
