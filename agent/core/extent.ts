/**
 * Where this node's own WAL ends, from its facts; and whether history says that it left the common road (PROTOCOL P6 "before any start").
 */
import type { HistoryEntry, LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { Ancestor, TimelineHistory, TimelineId } from '../../shared/domain/timeline.ts';
import { contains, extentPosition, type WalExtent, type WalPosition } from '../../shared/domain/wal-position.ts';
import type { ServerState } from '../postgres/port.ts';

/** Received WAL of a standby, written WAL of a primary, the boundary on disk of a stopped server; null: cannot be said now. */
export function ownExtent(state: ServerState): WalExtent | null {
  switch (state.kind) {
    case 'running': {
      const { facts } = state;
      if (!facts.inRecovery) return facts.flushedLsn === null ? null : { history: facts.history, lsn: facts.flushedLsn };
      // After a restart the received position is unknown until a byte arrives; the replayed one is right once all local WAL is replayed.
      if (facts.receivedLsn === null && !facts.replayIdle && facts.receiver !== 'streaming') return null;
      const received = facts.receivedLsn ?? facts.replayedLsn;
      const replayed = facts.replayedLsn;
      if (received === null) return null;
      // Replay ahead of what the receiver knows means that local WAL is still being replayed: any position now would be too small.
      if (facts.replayedLsn !== null && facts.replayedLsn > received && !facts.replayIdle) return null;
      return { history: facts.history, lsn: replayed !== null && replayed > received ? replayed : received };
    }
    case 'stopped':
      return state.extent;
    case 'absent':
    case 'starting':
    case 'silent':
      return null;
  }
}

/**
 * The end that counts when a node asks whether it may follow a newer epoch: a half-received record is no divergence, replay falls back to its
 * start. Null while received WAL is still being replayed, because it may hold complete records beyond the fork.
 */
export function settledExtent(state: ServerState): WalExtent | null {
  if (state.kind !== 'running' || !state.facts.inRecovery) return ownExtent(state);
  const { facts } = state;
  return facts.replayIdle && facts.replayedLsn !== null ? { history: facts.history, lsn: facts.replayedLsn } : null;
}

/** End of the last complete, replayed record of a standby whose receiver is gone: what a claim may call its floor. */
export function ownBoundary(state: ServerState): WalExtent | null {
  if (state.kind !== 'running' || !state.facts.inRecovery) return null;
  const { facts } = state;
  if (!facts.replayIdle || facts.receiver !== 'none' || facts.replayedLsn === null) return null;
  return { history: facts.history, lsn: facts.replayedLsn };
}

/**
 * How a timeline came to be, as the claim that reserved it tells (I5): its floor is where it left its parent. Null: that claim has not been read yet,
 * and nothing may be concluded.
 */
export function roadTo(timeline: TimelineId, entries: readonly HistoryEntry[]): TimelineHistory | null {
  // In a store that was restored and repaired, claims that nobody stands by may have reserved the same one before.
  const birth = entries
    .filter((entry) => entry.timeline === timeline)
    .reduce<HistoryEntry | null>((last, entry) => (last === null || entry.epoch > last.epoch ? entry : last), null);
  if (birth === null) return null;
  const { floor, ancestors } = birth;
  // The first claim of a cluster begins where its directory stands, and left nobody.
  return { timeline, ancestors: floor.timeline === timeline ? ancestors : [...ancestors, { timeline: floor.timeline, end: floor.lsn }] };
}

/** One record may be said to end before or behind the header of the page that follows. */
const PAGE_HEADER_BYTES = 40n;

/**
 * Is everything that this node has part of that road? It goes by where the timelines parted too: one that was begun by hand may bear the same number
 * and hold something else (H4).
 */
export function isOnRoad(own: WalExtent, road: TimelineHistory): boolean {
  const isSameFork = ({ timeline, end }: Ancestor): boolean =>
    road.ancestors.some((one) => one.timeline === timeline && distance(one.end, end) < PAGE_HEADER_BYTES);
  if (!own.history.ancestors.every(isSameFork)) return false;
  return own.history.timeline === road.timeline || contains({ history: road, lsn: own.lsn }, extentPosition(own));
}

/**
 * What a claim rests on is where its WAL ended then (P5.4). A holder that is elsewhere now, promoted by hand in between, say, or brought beyond the floor by a
 * late fetch, would fork where nobody has agreed to.
 */
export function isAtFloor(position: WalPosition, floor: WalPosition): boolean {
  return position.timeline === floor.timeline && distance(position.lsn, floor.lsn) < PAGE_HEADER_BYTES;
}

/** Has this directory gone the way that its record tells: on the timeline it reserved, which left its parent at the floor? */
export function isOfRecord({ history, lsn }: WalExtent, { timeline, floor }: LeaderRecord): boolean {
  if (history.timeline !== timeline) return false;
  // The first claim of a cluster begins where its directory stands, and left nobody.
  if (floor.timeline === timeline) return contains({ history, lsn }, floor);
  const parent = history.ancestors.at(-1);
  return parent !== undefined && isAtFloor({ timeline: parent.timeline, lsn: parent.end }, floor);
}

/**
 * Does it hold WAL of a timeline that this node has never followed anybody to? A claim is noted down before the standby is told of it (P4.4), so that WAL came
 * past every claim: from a former leader that was itself a standby by then, and that somebody may have promoted by hand at the very place and under the very
 * number of the claim. Such WAL looks like part of the road, and the next leader would be followed over it (H4).
 */
export function isBorrowed({ history }: WalExtent, accepted: LeaderRecord | null): boolean {
  return accepted !== null && history.timeline > accepted.timeline;
}

function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}
