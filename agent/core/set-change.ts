/**
 * Changing who must acknowledge (PROTOCOL P7): a re-entrant generator. Given what is recorded, what is proven in force and what is wanted,
 * it names the *one* next step; after any crash or unknown outcome it is simply asked again. Every step keeps every possible
 * (record, set in force) pair safe (I3): an acknowledged commit can never be missed by the read quorum of a later claim.
 */
import { assert } from '../../shared/assert.ts';
import { isLoosening, isSafePair, sameSet, union, type MemberSet } from '../../shared/domain/member-set.ts';

export type SetStep =
  | { readonly kind: 'settled' }
  /** T7: compare-and-swap the record. */
  | { readonly kind: 'record'; readonly set: MemberSet }
  /** Write synchronous_standby_names and prove that every walsender acts on it. */
  | { readonly kind: 'put-in-force'; readonly set: MemberSet }
  /** Wait until ≥ k of the set's members have flushed past the position taken after the proof. */
  | { readonly kind: 'catch-up'; readonly set: MemberSet };

export type SetSituation = {
  readonly record: MemberSet;
  /** Null: more than one value may be in force. */
  readonly inForce: MemberSet | null;
  readonly target: MemberSet;
  /** ≥ target.k of target's members have flushed past the position taken after `inForce` was proven. */
  readonly caughtUp: boolean;
};

export function nextSetStep({ record, inForce, target, caughtUp }: SetSituation): SetStep {
  // P7.1: prove one value first. The record's own set is safe with the record whatever the other possible values were.
  if (inForce === null) return { kind: 'put-in-force', set: record };
  // A crash between two steps can leave a proven set that is not safe with where we want to go; return to the record's own set.
  if (!isSafePair(record, inForce)) return { kind: 'put-in-force', set: record };
  if (isLoosening(record, target)) return loosen(record, inForce, target);
  return tighten({ record, inForce, target, caughtUp });
}

function loosen(record: MemberSet, inForce: MemberSet, target: MemberSet): SetStep {
  if (!sameSet(record, target)) {
    if (!isSafePair(target, inForce)) return { kind: 'put-in-force', set: record };
    return { kind: 'record', set: target };
  }
  return sameSet(inForce, target) ? { kind: 'settled' } : { kind: 'put-in-force', set: target };
}

function tighten({
  record,
  inForce,
  target,
  caughtUp,
}: {
  record: MemberSet;
  inForce: MemberSet;
  target: MemberSet;
  caughtUp: boolean;
}): SetStep {
  const widened = record.k === 0 ? record : union(record, target, Math.min(record.k, target.k));
  if (!sameSet(record, widened)) {
    if (!isSafePair(widened, inForce)) return { kind: 'put-in-force', set: record };
    return { kind: 'record', set: widened };
  }
  assert(isSafePair(record, target), 'the widened record is safe with the target set');
  if (!sameSet(inForce, target)) return { kind: 'put-in-force', set: target };
  return caughtUp ? { kind: 'record', set: target } : { kind: 'catch-up', set: target };
}
