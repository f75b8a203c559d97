/**
 * May this node promise? (PROTOCOL P4.1). Pure judgement; carrying the promise out is a job. A refusal names its reason: a candidate whom all
 * refuse must be able to tell its operator why.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Trigger } from './actions.ts';
import type { Facts } from './facts.ts';
import { holderSilentMs, isBackSince, isHeardServing } from './suspicion.ts';

export type PromiseQuestion = {
  readonly ballot: Epoch;
  readonly from: MemberId;
  readonly recordEpoch: Epoch;
  readonly readAgeMs: number | null;
  readonly trigger: Trigger;
};

/** Null: go ahead. */
export function whyNotPromise(facts: Facts, question: PromiseQuestion): string | null {
  const { file, self, store } = facts;
  if (question.ballot < file.promised) return `already promised ${file.promised.toString()}`;
  if (file.dir !== 'ok') return `the data directory is ${file.dir}`;
  if (store.regressed !== null) return 'this node does not trust the store';
  if (file.accepted !== null && file.accepted.epoch > question.recordEpoch)
    return `the request rests on epoch ${question.recordEpoch.toString()}, this node has acted on ${file.accepted.epoch.toString()}`;
  if (store.view.kind !== 'present') return 'this node has not read the record';
  const { record, firstSeenAtMs } = store.view;
  if (record.epoch >= question.ballot) return `the record is already at epoch ${record.epoch.toString()}`;
  if (record.holder === self.member) return 'this node holds the record';
  if (!record.set.members.includes(self.member) && record.mode === 'quorum') return 'this incarnation is not in the record';
  if (
    (question.trigger === 'down' || question.trigger === 'sick') &&
    facts.down !== null &&
    facts.down.epoch === record.epoch &&
    isBackSince(facts, record, facts.down.heardAtMs)
  )
    return 'the leader is back';
  if (question.trigger !== 'ttl' && question.trigger !== 'suspicion') return null;
  if (question.readAgeMs === null || question.readAgeMs > self.policy.readFreshMs) return 'the requester has not read the store lately';
  if (isHeardServing(facts, record)) return 'this node hears the leader say that it serves';
  if (question.trigger === 'suspicion') {
    const silentMs = holderSilentMs(facts, record);
    return silentMs === null || silentMs < self.policy.suspectMs / 2 ? 'this node has seen a sign of life of the leader' : null;
  }
  const sinceRenewalMs = facts.nowMs - firstSeenAtMs;
  return sinceRenewalMs < record.ttlMs / 2 ? `the leader renewed ${String(Math.round(sinceRenewalMs))} ms ago` : null;
}
