/**
 * What a claimant must contain (PROTOCOL P5.4). Over the available read quorums R: the *smallest* of the largest received position inside R.
 * Not "best of all": the best may die, or carry an unacknowledged tail; and not "best of mine": acknowledged WAL is in every read quorum.
 */
import type { Lsn } from '../../shared/domain/lsn.ts';
import { subsetsOfSize } from '../../shared/domain/member-set.ts';
import type { TimelineId } from '../../shared/domain/timeline.ts';
import type { WalExtent, WalPosition } from '../../shared/domain/wal-position.ts';
import type { PromiseAnswer } from './facts.ts';

/** Null: no promise is on the record's timeline in some read quorum, so the floor alone decides. */
export function requiredPosition(answers: readonly PromiseAnswer[], quorumSize: number, timeline: TimelineId): WalPosition | null {
  const quorums = subsetsOfSize(answers, quorumSize);
  const largest = quorums.map((quorum) => largestOn(quorum, timeline));
  if (largest.length === 0 || largest.includes(null)) return null;
  const smallest = largest.reduce((least, one) => (least === null || (one !== null && one < least) ? one : least));
  return smallest === null ? null : { timeline, lsn: smallest };
}

function largestOn(quorum: readonly PromiseAnswer[], timeline: TimelineId): Lsn | null {
  return quorum.reduce<Lsn | null>((most, { extent }) => {
    const reached = reachedOn(extent, timeline);
    return reached !== null && (most === null || reached > most) ? reached : most;
  }, null);
}

/**
 * How far it has come on that timeline. One that has left it since (promoted by hand, say) still holds what it acknowledged there: forgetting that
 * would let somebody claim who has none of it.
 */
function reachedOn({ history, lsn }: WalExtent, timeline: TimelineId): Lsn | null {
  if (history.timeline === timeline) return lsn;
  return history.ancestors.find((ancestor) => ancestor.timeline === timeline)?.end ?? null;
}
