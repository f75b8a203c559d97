/**
 * `failover`: makes a node take over although the leader does not answer, or has to be replaced at once. The node still asks the set for its
 * promises; only `--declare-lost` gives up members, and with them what only they had.
 */
import type { Command } from 'commander';
import type { ClusterStatus } from '../../shared/domain/cluster-status.ts';
import { appError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { requireAccepted, requireCluster, viewCluster } from '../agent-client.ts';
import { requireConsent } from '../confirm.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { failoverRisks } from '../risk.ts';
import { UsageError } from '../usage-error.ts';
import { addOutputOption, addWithinOption, printJson, type Context, type OutputFormat } from './context.ts';
import { allUrls, refuseUnknownNode } from './switchover.ts';

type Options = WhereOptions & {
  readonly output: OutputFormat;
  readonly to: string;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly declareLost?: readonly string[];
  readonly within: number;
};

const POLL_MS = 100;

export function addFailoverVerb(program: Command, { terminal }: Context): void {
  addWithinOption(
    addOutputOption(
      addWhereOptions(program.command('failover').description('make a node take over from a leader that is dead or must go')),
    ),
  )
    .requiredOption('--to <node>', 'the new leader')
    .option('--yes', 'do not ask')
    .option('--force', 'go on without what can be declared lost; needs --declare-lost')
    .option('--declare-lost <node...>', 'members that will never come back; what only they had is lost')
    .action(async (options: Options) => {
      const { to, declareLost = [], force = false } = options;
      if (force !== declareLost.length > 0)
        throw new UsageError(
          '--force and --declare-lost belong together',
          'Naming a lost member gives up data only it may have; --force says that this is meant.',
        );
      const { agentUrls, token } = findCluster(options, terminal.env);
      const cluster = await requireCluster(agentUrls);
      for (const name of [to, ...declareLost]) refuseUnknownNode(cluster, name);
      const target = cluster.nodes.find(({ name }) => name === to);
      if (target === undefined || 'unreachable' in target) throw appError('PGB-1403', `the agent of ${to} does not answer`);
      const peerToken = token();
      await requireConsent(terminal, options.yes === true, failoverRisks(cluster, { to, declareLost, force }), 'Fail over?');
      await requireAccepted(`${target.agentUrl}/failover`, { to, declareLost, force }, peerToken);
      const after = await untilServing(allUrls(agentUrls, cluster), to, cluster, options.within * 1000);
      if (options.output === 'json') printJson(terminal, after);
      else terminal.out(`${to} is the leader now, epoch ${after.leader?.epoch ?? '?'}\n`);
    });
}

async function untilServing(agentUrls: readonly string[], to: string, before: ClusterStatus, withinMs: number): Promise<ClusterStatus> {
  const deadlineMs = monotonicMs() + withinMs;
  const epochBefore = BigInt(before.leader?.epoch ?? '0');
  let seen = 'no agent answered';
  while (monotonicMs() < deadlineMs) {
    const view = await viewCluster(agentUrls, 1_000);
    if (view.kind === 'seen') {
      const { leader } = view.cluster;
      seen = leader === null ? 'no leader' : `leader ${leader.name}, ${leader.state}, epoch ${leader.epoch}`;
      const isNew = leader !== null && BigInt(leader.epoch) > epochBefore && leader.state === 'serving';
      if (isNew && leader.name === to) return view.cluster;
      // Somebody better won the election that this request set off: the cluster is well, but not as asked.
      if (isNew) throw appError('PGB-1403', `${leader.name} became the leader instead`);
    }
    await sleep(POLL_MS);
  }
  throw appError('PGB-1406', `last seen: ${seen}`);
}
