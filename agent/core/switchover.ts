/**
 * The planned move (PROTOCOL T9): stop cleanly, see the last byte arrive at the target, hand the record over. Every failure aborts *back to
 * the old leader*, who is still the holder; the abort is itself a compare-and-swap, known committed before PostgreSQL starts again.
 */
import { isOpen, type LeaderRecord, type OperationRecord } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { Action } from './actions.ts';
import type { ServerFacts } from '../postgres/port.ts';
import { decision, job, type Decision, type Present } from './decision.ts';
import type { Facts } from './facts.ts';
import type { Ending, Memory } from './memory.ts';

/** A planned move is refused when the target is further behind than this: draining would be a long outage. */
export const SWITCHOVER_LAG_BYTES = 16 * 1024 * 1024;

/** Null: the operation goes on, or there is none. `server` is null when PostgreSQL is stopped. */
export function endOf(facts: Facts, memory: Memory, { record }: Present, server: ServerFacts | null): Ending | null {
  const { operation } = facts.store;
  if (operation === null || !isOpen(operation)) return null;
  const aborted = (why: string): Ending => ({ id: operation.id, stage: 'aborted', why });
  if (memory.ended?.id === operation.id) return memory.ended;
  if (operation.to === facts.self.member) return { id: operation.id, stage: 'done', why: null };
  if (operation.from !== facts.self.member || operation.epoch !== record.epoch) return aborted('leadership moved for another reason');
  if (facts.job?.kind === 'stop-for-switchover') return null;
  if (server === null) {
    const { handover } = facts;
    if (handover?.operationId !== operation.id) return aborted('PostgreSQL stopped before the move was prepared');
    return handover.drained ? null : aborted(`${nameOf(operation.to)} did not report the final position in time`);
  }
  const refusal = whyNot(facts, memory, record, operation, server);
  if (refusal !== null) return aborted(refusal);
  const failure = facts.failures.get('stop-for-switchover');
  return failure !== undefined && operation.stage !== 'requested' ? aborted(failure.why) : null;
}

/**
 * Says that an operation is over, beside whatever the holder does next and never instead of it: a former holder's late word may have opened it again,
 * and a holder that insisted first would leave its crashed PostgreSQL where it lies.
 */
export function alsoEnd(facts: Facts, { stage, why }: Ending, made: Decision): Decision {
  const { operation } = facts.store;
  return operation === null ? made : { ...made, actions: [...made.actions, { kind: 'operation', record: { ...operation, stage, why } }] };
}

/** The next step of an operation that goes on; null: there is none. */
export function decideSwitchover(
  facts: Facts,
  memory: Memory,
  { record, modRevision }: Present,
  server: ServerFacts | null,
): Decision | null {
  const { operation } = facts.store;
  if (operation === null || !isOpen(operation)) return null;
  const target = nameOf(operation.to);
  if (facts.job?.kind === 'stop-for-switchover') return decision(memory, 'handing-over', `switchover to ${target}: stopping and draining`);
  const { handover } = facts;
  if (server === null) {
    if (handover === null) return null;
    const next: LeaderRecord = { ...record, seq: record.seq + 1, state: { kind: 'handing-over', to: operation.to, final: handover.final } };
    return decision(memory, 'handing-over', `handing over to ${target}`, {
      kind: 'change',
      rule: 'T9',
      record: next,
      modRevision,
      history: null,
    });
  }
  return decision(memory, 'handing-over', `switchover to ${target}: stopping`, job({ kind: 'stop-for-switchover', operation }));
}

/** Why this target cannot take over now; null when it can. */
export function whyNot(facts: Facts, memory: Memory, record: LeaderRecord, operation: OperationRecord, server: ServerFacts): string | null {
  const name = nameOf(operation.to);
  const seen = memory.members.get(operation.to);
  const sender = server.walSenders.find((one) => one.applicationName === operation.to);
  if (record.mode === 'quorum' && !record.set.members.includes(operation.to)) return `${name} is not in the synchronous set`;
  if (sender === undefined || sender.flushLsn === null || seen?.streamingSinceMs === null || seen === undefined)
    return `${name} is not streaming`;
  if (server.flushedLsn !== null && Number(server.flushedLsn - sender.flushLsn) > SWITCHOVER_LAG_BYTES) return `${name} is too far behind`;
  const peer = facts.peers.get(name);
  if (peer === undefined || facts.nowMs - peer.heardAtMs > facts.self.policy.suspectMs) return `the agent of ${name} does not answer`;
  if (peer.priority === 0) return `${name} is configured never to lead`;
  return null;
}

/** The target has until the stage deadline; then the record comes back, and only then PostgreSQL. */
export function abortHandover(facts: Facts, memory: Memory, { record, modRevision, firstSeenAtMs }: Present): Decision {
  if (record.state.kind !== 'handing-over') return decision(memory, 'handing-over', 'nothing to abort');
  const target = nameOf(record.state.to);
  if (!facts.reached(firstSeenAtMs + facts.self.policy.stageByMs))
    return decision(memory, 'handing-over', `waiting for ${target} to claim`);
  const next: LeaderRecord = { ...record, seq: record.seq + 1, state: { kind: 'serving' } };
  const operation = facts.store.operation;
  const why = `${target} did not claim in time`;
  const told: readonly Action[] =
    operation !== null && isOpen(operation) ? [{ kind: 'operation', record: { ...operation, stage: 'aborted', why } }] : [];
  return decision(memory, 'handing-over', `${why}: taking the record back`, ...told, {
    kind: 'change',
    rule: 'T9-abort',
    record: next,
    modRevision,
    history: null,
  });
}
