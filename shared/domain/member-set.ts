/**
 * The arithmetic of who must acknowledge and who must be asked (PROTOCOL P1). Pure numbers and sets: checked exhaustively by tests.
 */
import type { MemberId } from './node-id.ts';

/** Members whose acknowledgement counts, and how many a commit needs. k = 0 ⇔ no members: the holder alone. */
export type MemberSet = { readonly members: readonly MemberId[]; readonly k: number };

export const NOBODY: MemberSet = { members: [], k: 0 };

export function memberSet(members: readonly MemberId[], k: number): MemberSet {
  return { members: [...new Set(members)].toSorted(), k };
}

export function sameSet(a: MemberSet, b: MemberSet): boolean {
  return a.k === b.k && a.members.length === b.members.length && a.members.every((member) => b.members.includes(member));
}

/** k(n) = min(configured or ⌈n/2⌉, n). */
export function quorumFor(memberCount: number, configured: number | null): number {
  return Math.min(configured ?? Math.ceil(memberCount / 2), memberCount);
}

/** Promises that make it impossible for the old holder to collect k acknowledgements: n − k + 1. With k = 0 nobody but the holder will do. */
export function readQuorumSize(set: MemberSet): number | 'holder-only' {
  return set.k === 0 ? 'holder-only' : set.members.length - set.k + 1;
}

/** |a ∖ b| */
function missingFrom(a: MemberSet, b: MemberSet): number {
  return a.members.filter((member) => !b.members.includes(member)).length;
}

/** May record (M,k) be claimed from while (G,g) decides acknowledgements? ⇔ k = 0 or k + |G∖M| ≤ g. */
export function isSafePair(record: MemberSet, inForce: MemberSet): boolean {
  return record.k === 0 || record.k + missingFrom(inForce, record) <= inForce.k;
}

/** Needs no catch-up ⇔ k′ = 0, or k ≥ 1 and k′ + |M∖M′| ≤ k. */
export function isLoosening(from: MemberSet, to: MemberSet): boolean {
  return to.k === 0 || (from.k >= 1 && to.k + missingFrom(from, to) <= from.k);
}

export function union(a: MemberSet, b: MemberSet, k: number): MemberSet {
  return memberSet([...a.members, ...b.members], k);
}

/** All subsets of exactly `size` elements; sets here have at most a handful of members. */
export function subsetsOfSize<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => subsetsOfSize(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]));
}
