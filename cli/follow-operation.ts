/**
 * Watches a planned operation until it is done or aborted. It only looks: giving up waiting changes nothing, and is reported as "outcome
 * unknown", because the operation may still come about.
 */
import type { ClusterStatus } from '../shared/domain/cluster-status.ts';
import { appError } from '../shared/errors.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { sleep } from '../shared/runtime/deadline.ts';
import { askAny } from './agent-client.ts';

export type Operation = NonNullable<ClusterStatus['operation']>;

const POLL_MS = 50;
const ANSWER_MS = 1_000;

export async function followOperation(
  agentUrls: readonly string[],
  id: string,
  options: { readonly withinMs: number; readonly onStage: (operation: Operation) => void },
): Promise<Operation> {
  const deadlineMs = monotonicMs() + options.withinMs;
  let last: Operation | null = null;
  while (monotonicMs() < deadlineMs) {
    const answer = await askAny(agentUrls, `/operation/${encodeURIComponent(id)}`, ANSWER_MS);
    if (isOperation(answer)) {
      if (answer.stage !== last?.stage) options.onStage(answer);
      last = answer;
      if (answer.stage === 'done') return answer;
      if (answer.stage === 'aborted') throw appError('PGB-1402', answer.why ?? '');
    }
    await sleep(POLL_MS);
  }
  throw appError(
    'PGB-1406',
    `operation ${id} was last seen ${last === null ? 'nowhere' : `in stage ${last.stage}`} after ${String(options.withinMs)} ms`,
  );
}

function isOperation(answer: unknown): answer is Operation {
  return typeof answer === 'object' && answer !== null && 'stage' in answer && typeof answer.stage === 'string';
}
