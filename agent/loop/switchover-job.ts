/**
 * The holder's part of a planned move (PROTOCOL T9): checkpoint early, keep new clients out, stop cleanly, and see the last byte arrive at
 * the target. It ends with facts; the hand-over itself is a decision.
 */
import { contains } from '../../shared/domain/wal-position.ts';
import type { OperationRecord, SwitchoverStage } from '../../shared/domain/leader-record.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Outcome } from '../postgres/port.ts';
import { addressOf, DONE, failed, stillOurs, type JobContext } from './job-context.ts';

export async function stopForSwitchover(context: JobContext, operation: OperationRecord, signal: AbortSignal): Promise<Outcome> {
  const { postgres, policy, situation } = context;
  const startedAtMs = monotonicMs();
  let current = operation;
  const enter = (stage: SwitchoverStage): void => {
    current = { ...current, stage, stagesMs: { ...current.stagesMs, [stage]: Math.round(monotonicMs() - startedAtMs) } };
    context.operations.show(current);
  };
  situation.handover = null;
  enter('checkpointing');
  const checkpoint = await postgres.checkpoint(AbortSignal.any([signal, AbortSignal.timeout(60_000)]));
  if (checkpoint.kind === 'failed') return checkpoint;
  const ours = stillOurs(context, operation.epoch);
  if (ours.kind === 'failed') return ours;
  enter('stopping');
  const closed = await postgres.setOpen(false, signal);
  if (closed.kind === 'failed') return closed;
  const stopped = await postgres.stopFast(policy.stageByMs, signal);
  if (stopped.kind === 'failed') {
    await postgres.kill(10 * policy.killMs);
    return stopped;
  }
  if (stopped.final === null) return failed('PGB-1402', 'the end of the WAL after the clean stop cannot be read');
  enter('draining');
  const node = addressOf(context, operation.to);
  if (node === null) return failed('PGB-1402', 'the address of the target is not known');
  const deadlineMs = monotonicMs() + policy.stageByMs;
  while (monotonicMs() < deadlineMs && !signal.aborted) {
    const status = await context.peers.status(node.agentUrl, policy.promiseAttemptMs, signal, true);
    if (status?.extent !== undefined && status.extent !== null && contains(status.extent, stopped.final)) {
      situation.handover = { operationId: operation.id, final: stopped.final, drained: true };
      await context.look();
      return DONE;
    }
    await sleep(5, signal);
  }
  situation.handover = { operationId: operation.id, final: stopped.final, drained: false };
  await context.look();
  return failed('PGB-1402', 'the target did not report the final position in time');
}
