/** `history`: every leadership there has been, with the reason and the position it began at. */
import type { Command } from 'commander';
import { appError } from '../../shared/errors.ts';
import { askAny } from '../agent-client.ts';
import { addWhereOptions, findCluster, type WhereOptions } from '../find-cluster.ts';
import { renderHistory, type HistoryAnswer } from '../render/history.ts';
import { addOutputOption, printJson, type Context, type OutputFormat } from './context.ts';

type Options = WhereOptions & { readonly output: OutputFormat };

export function addHistoryVerb(program: Command, { terminal }: Context): void {
  addOutputOption(addWhereOptions(program.command('history').description('show every leadership and why it began'))).action(
    async (options: Options) => {
      const { agentUrls } = findCluster(options, terminal.env);
      const answer = await askAny(agentUrls, '/history');
      if (!isHistory(answer)) throw appError('PGB-1407', `no agent answered /history at ${agentUrls.join(', ')}`);
      if (options.output === 'json') printJson(terminal, answer);
      else terminal.out(renderHistory(answer));
    },
  );
}

function isHistory(answer: unknown): answer is HistoryAnswer {
  return typeof answer === 'object' && answer !== null && 'entries' in answer && Array.isArray(answer.entries);
}
