/**
 * Does a server show what a client wants to see? Pure. LSNs of different timelines are never compared: a position counts as reached only on
 * its own timeline, or on one that left it at or behind that position. It must never call a token reached that a failover may have cut off.
 */
import type { DurabilityMode } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { WalExtent, WalPosition } from '../../shared/domain/wal-position.ts';
import type { ReadWish } from './read-wish.ts';
import type { NodeFact, TrailPoint, View } from './view.ts';

export type Freshness =
  | 'fit'
  /** Not yet, as far as is known. */
  | 'behind'
  /** Never: the history that the token speaks of is not the cluster's. */
  | 'lost';

type Place =
  | { readonly kind: 'has' }
  | { readonly kind: 'not-yet' }
  /** The timeline goes on in ours, but left before the position. `passed`: the fork has been replayed. */
  | { readonly kind: 'cut-off'; readonly passed: boolean }
  | { readonly kind: 'foreign' };

/** Of a standby that is otherwise good for reading. */
export function judgeStandby(fact: NodeFact, wish: ReadWish, at: { readonly view: View; readonly nowMs: number }): Freshness {
  const { view, nowMs } = at;
  const after = wish.after === null ? 'fit' : judgeToken(fact.replayed, wish.after, view.leader?.mode ?? 'quorum');
  if (after !== 'fit' || wish.maxStalenessMs === null) return after;
  const stalenessMs = stalenessOf(fact.replayed, view.trail, nowMs);
  return stalenessMs !== null && stalenessMs <= wish.maxStalenessMs ? 'fit' : 'behind';
}

/** Of the serving leader, which has everything that was ever acknowledged; only a token of another history can ask too much of it. */
export function judgeLeader(view: View, wish: ReadWish): Freshness {
  const { leader } = view;
  if (wish.after === null || leader === null) return 'fit';
  // Newer than everything we know: the news of the next leader is on its way, or the token is somebody else's.
  if (wish.after.timeline > leader.timeline) return 'behind';
  if (wish.after.timeline === leader.timeline) return 'fit';
  const fact = view.nodes.get(nameOf(leader.holder))?.fact ?? null;
  const history = fact?.member === leader.holder && fact.epoch === leader.epoch ? (fact.replayed?.history ?? null) : null;
  if (history === null) return leader.mode === 'quorum' ? 'fit' : 'behind';
  const place = placeOf({ history, lsn: wish.after.lsn }, wish.after);
  return place.kind === 'foreign' || (place.kind === 'cut-off' && leader.mode === 'async') ? 'lost' : 'fit';
}

/** How long ago the leader was last seen at a position that this server shows; null: longer than is remembered. */
export function stalenessOf(replayed: WalExtent | null, trail: readonly TrailPoint[], nowMs: number): number | null {
  if (replayed === null) return null;
  const reached = trail.findLast(({ position }) => placeOf(replayed, position).kind === 'has');
  return reached === undefined ? null : Math.max(0, nowMs - reached.atMs);
}

function judgeToken(replayed: WalExtent | null, token: WalPosition, mode: DurabilityMode): Freshness {
  if (replayed === null) return 'behind';
  const place = placeOf(replayed, token);
  switch (place.kind) {
    case 'has':
      return 'fit';
    case 'not-yet':
      return 'behind';
    case 'foreign':
      return 'lost';
    case 'cut-off':
      // Whoever took the token had seen only what was acknowledged, and in quorum mode that survived: it lies before the fork. What lay
      // behind it was on its way for others. In async mode the token's own commit may be among what was lost.
      if (mode === 'async') return 'lost';
      return place.passed ? 'fit' : 'behind';
  }
}

function placeOf(replayed: WalExtent, position: WalPosition): Place {
  const { history, lsn } = replayed;
  const reached: Place = lsn >= position.lsn ? { kind: 'has' } : { kind: 'not-yet' };
  if (history.timeline === position.timeline) return reached;
  // An older timeline may not know of the newer one yet.
  if (position.timeline > history.timeline) return { kind: 'not-yet' };
  const ancestor = history.ancestors.find(({ timeline }) => timeline === position.timeline);
  if (ancestor === undefined) return { kind: 'foreign' };
  return ancestor.end >= position.lsn ? reached : { kind: 'cut-off', passed: lsn >= ancestor.end };
}
