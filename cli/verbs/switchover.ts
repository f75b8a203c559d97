/** `switchover`: a planned move of leadership from a healthy leader. Nothing acknowledged can be lost; it is done, or aborted and undone. */
import type { Command } from 'commander';
import type { ClusterStatus } from '../../shared/domain/cluster-status.ts';
import { appError } from '../../shared/errors.ts';
import { reachableNodes, requireAccepted, requireCluster } from '../agent-client.ts';
import { requireConsent } from '../confirm.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { followOperation } from '../follow-operation.ts';
import { formatMs } from '../render/format.ts';
import { switchoverRisks } from '../risk.ts';
import { addOutputOption, addWithinOption, printJson, type Context, type OutputFormat } from './context.ts';

type Options = WhereOptions & { readonly output: OutputFormat; readonly to?: string; readonly yes?: boolean; readonly within: number };

export function addSwitchoverVerb(program: Command, { terminal }: Context): void {
  addWithinOption(
    addOutputOption(
      addWhereOptions(program.command('switchover').description('move leadership to another node, planned and without loss')),
    ),
  )
    .option('--to <node>', 'the new leader (default: the best standby)')
    .option('--yes', 'do not ask')
    .action(async (options: Options) => {
      const { agentUrls, token } = findCluster(options, terminal.env);
      const cluster = await requireCluster(agentUrls);
      const to = options.to ?? null;
      refuseUnknownNode(cluster, to);
      const peerToken = token();
      await requireConsent(terminal, options.yes === true, switchoverRisks(cluster, to), 'Switch over?');
      const leader = reachableNodes(cluster).find(({ name }) => name === cluster.leader?.name);
      if (leader === undefined)
        throw appError('PGB-1405', 'its agent does not answer; a switchover needs a healthy leader, `pgbaton failover` does not');
      const accepted = await requireAccepted(`${leader.agentUrl}/switchover`, { to }, peerToken);
      const operation = await followOperation(allUrls(agentUrls, cluster), idOf(accepted), {
        withinMs: options.within * 1000,
        onStage: ({ stage, stagesMs }) => {
          const atMs = stagesMs[stage];
          terminal.err(`${atMs === undefined ? '' : `${formatMs(atMs).padStart(8)}  `}${stage}\n`);
        },
      });
      if (options.output === 'json') printJson(terminal, operation);
      else terminal.out(`${operation.to.replace(/~.*/, '')} is the leader now\n`);
    });
}

export function refuseUnknownNode(cluster: ClusterStatus, name: string | null): void {
  if (name !== null && !cluster.nodes.some((node) => node.name === name)) {
    throw appError('PGB-1408', `${name}; there are ${cluster.nodes.map((node) => node.name).join(', ')}`);
  }
}

/** The agents given on the command line and those the cluster told us about: the one we asked first may go away during the move. */
export function allUrls(agentUrls: readonly string[], cluster: ClusterStatus): readonly string[] {
  return [...new Set([...agentUrls, ...cluster.nodes.map(({ agentUrl }) => agentUrl)])];
}

export function idOf(accepted: unknown): string {
  if (typeof accepted === 'object' && accepted !== null && 'id' in accepted && typeof accepted.id === 'string') return accepted.id;
  throw appError('PGB-1999', 'the agent accepted the request without naming the operation');
}
