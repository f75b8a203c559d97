/**
 * Where this node's own WAL ends, from its facts; and whether history says that it left the common road (PROTOCOL P6 "before any start").
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry } from '../../shared/domain/leader-record.ts';
import type { Ancestor, TimelineHistory, TimelineId } from '../../shared/domain/timeline.ts';
import { contains, type WalExtent } from '../../shared/domain/wal-position.ts';
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

/** The ancestry of a timeline as the history entries in the store tell it. */
export function recordedHistory(timeline: TimelineId, entries: readonly HistoryEntry[]): TimelineHistory {
  const ancestors: Ancestor[] = [];
  let current = timeline;
  for (let hop = 0; hop < entries.length; hop += 1) {
    // A timeline is reserved by exactly one claim (I5); its floor is where it left its parent.
    const birth = entries.find((entry) => entry.timeline === current && entry.floor.timeline !== current);
    if (birth === undefined) break;
    ancestors.unshift({ timeline: birth.floor.timeline, end: birth.floor.lsn });
    current = birth.floor.timeline;
  }
  return { timeline, ancestors };
}

/** Does everything that this node has lie on the road of the first claim newer than what it last acted on? */
export function isOnTheRoad(own: WalExtent, acceptedEpoch: Epoch, entries: readonly HistoryEntry[]): boolean {
  const newer = entries.filter((entry) => entry.epoch > acceptedEpoch);
  const first = newer.reduce<HistoryEntry | null>((least, entry) => (least === null || entry.epoch < least.epoch ? entry : least), null);
  if (first === null) return true;
  const road: WalExtent = { history: recordedHistory(first.floor.timeline, entries), lsn: first.floor.lsn };
  return contains(road, { timeline: own.history.timeline, lsn: own.lsn });
}
