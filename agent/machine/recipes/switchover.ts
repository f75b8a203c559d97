/**
 * The holder's part of a planned move (PROTOCOL T9): checkpoint early, let the proxies park their clients, keep new ones out, stop cleanly, and
 * see the last byte arrive at the target. A proxy that does not answer holds nothing up: its clients are cut by the stop. It ends with facts; the hand-over itself is a decision.
 */
import { contains, type WalPosition } from '../../../shared/domain/wal-position.ts';
import type { OperationRecord, SwitchoverStage } from '../../../shared/domain/leader-record.ts';
import { nameOf } from '../../../shared/domain/node-id.ts';
import type { Outcome } from '../../postgres/port.ts';
import type { AskOf, Parked, StatusReply } from '../asks.ts';
import { addressOf, ask, both, DONE, failed, stillOurs, wait, type Bench, type Recipe } from '../recipe.ts';
import { kill } from './server.ts';

const CHECKPOINT_MS = 60_000;
/** Proxies log in at the target on behalf of their clients meanwhile; nobody waits yet, except for the move. */
const ANNOUNCE_MS = 10_000;
const DRAIN_POLL_MS = 5;

export function* stopForSwitchover(bench: Bench, operation: OperationRecord): Recipe<Outcome> {
  const { situation, outbox, operations } = bench;
  const startedAtMs = outbox.nowMs;
  let current = operation;
  const enter = (stage: SwitchoverStage): void => {
    current = { ...current, stage, stagesMs: { ...current.stagesMs, [stage]: Math.round(outbox.nowMs - startedAtMs) } };
    operations.show(current);
  };
  situation.handover = null;
  enter('checkpointing');
  const [checkpointed] = yield* both<Outcome, Parked>(
    { kind: 'ask', ask: { kind: 'checkpoint', deadlineMs: CHECKPOINT_MS } },
    { kind: 'ask', ask: { kind: 'park-clients', operation, phase: 'announce', deadlineMs: ANNOUNCE_MS } },
  );
  if (checkpointed.kind === 'failed') return checkpointed;
  const before = stillOurs(bench, operation.epoch);
  if (before.kind === 'failed') return before;
  enter('parking');
  // First, and not beside the parking: from there on clients that are there already wait for every step, those that come now only for the move as a whole.
  const closed = yield* ask<'set-open'>({ kind: 'set-open', open: false });
  if (closed.kind === 'failed') return closed;
  yield* ask<'park-clients'>({ kind: 'park-clients', operation, phase: 'park', deadlineMs: bench.policy.parkMs });
  // Clients had time to finish; so had everybody else.
  const after = stillOurs(bench, operation.epoch);
  if (after.kind === 'failed') return after;
  enter('stopping');
  const final = yield* stopCleanly(bench);
  if ('kind' in final) return final;
  return yield* drain(bench, operation, final, () => enter('draining'));
}

/** A server that is half stopped is neither here nor there: it is killed, and restarted in place by the decision that follows. */
function* stopCleanly(bench: Bench): Recipe<WalPosition | Extract<Outcome, { kind: 'failed' }>> {
  let isStopped = false;
  try {
    const stopped = yield* ask<'stop-fast'>({ kind: 'stop-fast', deadlineMs: bench.policy.stageByMs });
    if (stopped.kind === 'failed') return stopped;
    isStopped = true;
    return stopped.final ?? failed('PGB-1402', 'the end of the WAL after the clean stop cannot be read');
  } finally {
    if (!isStopped) yield* kill(bench);
  }
}

/**
 * `onWait`: the target lacks something. In an ordinary move it has everything before it is asked, and whoever is told of one stage more has less time
 * for the next.
 */
function* drain(bench: Bench, { id, to }: OperationRecord, final: WalPosition, onWait: () => void): Recipe<Outcome> {
  const { situation, outbox, policy } = bench;
  const node = addressOf(bench, to);
  if (node === null) return failed('PGB-1402', 'the address of the target is not known');
  const untilMs = outbox.nowMs + policy.stageByMs;
  const question: AskOf<'ask-status'> = {
    kind: 'ask-status',
    name: nameOf(to),
    url: node.agentUrl,
    timeoutMs: policy.promiseAttemptMs,
    fresh: true,
  };
  // The hand-over is decided on a look that shows the stop.
  let [status] = yield* both<StatusReply | null, void>({ kind: 'ask', ask: question }, { kind: 'look' });
  for (;;) {
    const hasAll = status?.member === to && status.extent !== null && contains(status.extent, final);
    situation.handover = { operationId: id, final, drained: hasAll };
    if (hasAll) return DONE;
    if (outbox.nowMs >= untilMs) return failed('PGB-1402', 'the target did not report the final position in time');
    onWait();
    yield* wait(DRAIN_POLL_MS);
    status = yield* ask<'ask-status'>(question);
  }
}
