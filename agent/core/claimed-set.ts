/**
 * Whom the commits of a claimant will wait for (PROTOCOL T1, T2): asked when it claims, and beforehand by the standby that rests on the answer (P7.6), so that
 * its promotion need not wait for a proof.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { memberSet, NOBODY, quorumFor, type MemberSet } from '../../shared/domain/member-set.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';

/** `k`: as configured; null: as many as the size of the set asks for. */
export function claimedSet(members: readonly MemberId[], k: number | null): MemberSet {
  return members.length === 0 ? NOBODY : memberSet(members, quorumFor(members.length, k));
}

/** T2: the former holder was stopped cleanly and has everything, so it is one of those who may acknowledge. */
export function heirSet({ mode, set, holder, barred }: LeaderRecord, heir: MemberId, k: number | null): MemberSet {
  if (mode === 'async') return NOBODY;
  return claimedSet(
    [...set.members, holder].filter((member) => member !== heir && !barred.includes(member)),
    k,
  );
}
