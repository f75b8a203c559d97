/**
 * The next step of a set change (PROTOCOL P7) as the holder's actions: what is wanted, what is recorded, what is proven, and the one thing to do
 * about it now. It must never loosen anything while a change is unsettled (I13); `decide` drops changes that are in flight.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { NOBODY, sameSet } from '../../shared/domain/member-set.ts';
import { nameOf, type MemberId } from '../../shared/domain/node-id.ts';
import type { ServerFacts } from '../postgres/port.ts';
import { decision, job, mayRetry, type Decision, type Present } from './decision.ts';
import type { Facts } from './facts.ts';
import { flushedPast, targetSet } from './member-watch.ts';
import type { Memory } from './memory.ts';
import { nextSetStep, type SetStep } from './set-change.ts';

/** One step of P7, as actions. */
export function setStep(
  facts: Facts,
  memory: Memory,
  present: Present,
  server: ServerFacts,
  state: Decision['state'],
  otherwise: string,
): Decision {
  const { record, modRevision } = present;
  const wanted = facts.self.policy.mode;
  if (record.mode !== wanted) {
    // P9: to async the record changes first (k = 0 is safe with every set); to quorum the set grows from k = 0 by P7 afterwards.
    const next: LeaderRecord = {
      ...record,
      seq: record.seq + 1,
      mode: wanted,
      set: wanted === 'async' ? NOBODY : record.set,
      observed: null,
    };
    return decision(memory, state, `changing to ${wanted} mode, as configured`, {
      kind: 'change',
      rule: 'T7',
      record: next,
      modRevision,
      history: null,
    });
  }
  const target = targetSet(facts, memory, record);
  const step = nextStep(facts, record, server, target);
  switch (step.kind) {
    case 'settled':
      return decision(memory, state, otherwise);
    case 'catch-up':
      return decision(memory, state, `${otherwise}; new set waits for ${String(step.set.k)} of ${describe(step.set.members)} to catch up`);
    case 'put-in-force':
      if (!mayRetry(facts, 'put-in-force')) return decision(memory, state, `${otherwise}; the set could not be put in force, trying again`);
      return decision(memory, state, `putting ${describe(step.set.members)} in force`, job({ kind: 'put-in-force', set: step.set }));
    case 'record': {
      const next: LeaderRecord = { ...record, seq: record.seq + 1, set: step.set };
      return decision(memory, state, `recording ${describe(step.set.members)} (k = ${String(step.set.k)})`, {
        kind: 'change',
        rule: 'T7',
        record: next,
        modRevision,
        history: null,
      });
    }
  }
}

function nextStep(facts: Facts, record: LeaderRecord, server: ServerFacts, target: LeaderRecord['set']): SetStep {
  const { inForce } = facts;
  // The placeholder acknowledges nothing, so it is safe with every record; with k = 0 it is only right in strict mode.
  const waitsForNobody = inForce.kind === 'proven' && inForce.waiting && inForce.set.k === 0;
  const { strict, mode } = facts.self.policy;
  if (waitsForNobody && strict && mode === 'quorum' && record.set.k === 0 && sameSet(target, NOBODY)) return { kind: 'settled' };
  const proven = inForce.kind === 'proven' && !(waitsForNobody && sameSet(target, NOBODY)) ? inForce.set : null;
  const since = inForce.kind === 'proven' ? inForce.provenAtLsn : null;
  const caughtUp = since !== null && flushedPast(server, target, since) >= target.k;
  return nextSetStep({ record: record.set, inForce: proven, target, caughtUp });
}

export function describe(members: readonly MemberId[]): string {
  return members.length === 0 ? 'nobody' : members.map(nameOf).join(', ');
}
