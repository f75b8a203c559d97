/**
 * `store repair`: after etcd was restored, wiped or replaced, puts the leader record back as the nodes know it. Agents refuse such a store by themselves;
 * this is how an operator says that it is to be used from now on.
 */
import type { Command } from 'commander';
import type { ErrorCode } from '../../shared/error-codes.ts';
import { AppError, appError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { requireAccepted, viewCluster } from '../agent-client.ts';
import { requireConsent } from '../confirm.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { addOutputOption, addWithinOption, printJson, type Context, type OutputFormat } from './context.ts';

type Options = WhereOptions & {
  readonly output: OutputFormat;
  readonly yes?: boolean;
  readonly declareLost?: readonly string[];
  readonly within: number;
};

type Plan = {
  readonly distrust: string;
  readonly epoch: string;
  readonly leader: string;
  readonly by: string;
  readonly members: readonly string[];
};

const POLL_MS = 200;
/** Another agent may still be asked: this one does not answer, or trusts what it sees. */
const TRY_ANOTHER: ReadonlySet<ErrorCode> = new Set(['PGB-1201', 'PGB-1406', 'PGB-1409']);

export function addStoreVerb(program: Command, { terminal }: Context): void {
  const store = program.command('store').description('look after what pgbaton keeps in etcd');
  addWithinOption(
    addOutputOption(
      addWhereOptions(store.command('repair').description('put the leader record back into a store that was restored or wiped')),
    ),
  )
    .option('--yes', 'do not ask')
    .option('--declare-lost <node...>', 'nodes that will never come back; a leader that only they knew is given up')
    .action(async (options: Options) => {
      const { declareLost = [] } = options;
      const { agentUrls, token } = findCluster(options, terminal.env);
      const peerToken = token();
      const { url, plan } = await planAt(agentUrls, declareLost, peerToken);
      await requireConsent(terminal, options.yes === true, risksOf(plan, declareLost), 'Put it back?');
      const done = planOf(await requireAccepted(`${url}/store/repair`, { declareLost }, peerToken));
      await untilTrusted(agentUrls, done, options.within * 1000);
      if (options.output === 'json') printJson(terminal, done);
      else terminal.out(`the record is back: ${done.leader} leads, epoch ${done.epoch}\n`);
    });
}

async function planAt(
  agentUrls: readonly string[],
  declareLost: readonly string[],
  token: string,
): Promise<{ readonly url: string; readonly plan: Plan }> {
  let last: AppError = appError('PGB-1407', 'no agent was named');
  for (const url of agentUrls) {
    try {
      return { url, plan: planOf(await requireAccepted(`${url}/store/repair`, { declareLost, dryRun: true }, token)) };
    } catch (error) {
      if (!(error instanceof AppError) || !TRY_ANOTHER.has(error.code)) throw error;
      last = error;
    }
  }
  throw last;
}

function risksOf({ distrust, epoch, leader, by, members }: Plan, declareLost: readonly string[]): readonly string[] {
  return [
    `The agents distrust the store: ${distrust}.`,
    `${leader} will be put back as the leader with ${members.length === 0 ? 'nobody' : members.join(', ')} in the set, as ${by} knew it last, under epoch ${epoch}.`,
    ...(declareLost.length === 0
      ? ['Every node has been heard, so no acknowledged commit can be lost.']
      : [`${declareLost.join(', ')} cannot be heard: if one of them led later than this, what was committed there IS LOST.`]),
  ];
}

function planOf(answer: unknown): Plan {
  if (typeof answer === 'object' && answer !== null && 'epoch' in answer && 'leader' in answer && 'members' in answer)
    return answer as Plan;
  throw appError('PGB-1999', 'the agent answered with something that is no plan');
}

async function untilTrusted(agentUrls: readonly string[], { epoch }: Plan, withinMs: number): Promise<void> {
  const untilMs = monotonicMs() + withinMs;
  while (monotonicMs() < untilMs) {
    const view = await viewCluster(agentUrls, 1_000);
    if (view.kind === 'seen' && view.cluster.leader?.state === 'serving' && BigInt(view.cluster.leader.epoch) >= BigInt(epoch)) return;
    await sleep(POLL_MS);
  }
  throw appError('PGB-1406', `the record was written under epoch ${epoch}; no agent has said yet that it goes by it`);
}
