/**
 * A WAL position is (timeline, LSN). Two positions may be unordered: "diverged" is an answer, never an accident.
 * Upholds PROTOCOL P1 "contains"; I2 and I12 rest on it.
 */
import type { Lsn } from './lsn.ts';
import { formatLsn } from './lsn.ts';
import type { TimelineHistory, TimelineId } from './timeline.ts';

export type WalPosition = { readonly timeline: TimelineId; readonly lsn: Lsn };

export type WalOrder = 'equal' | 'ahead' | 'behind' | 'diverged';

export function formatPosition(position: WalPosition): string {
  return `${String(position.timeline)}:${formatLsn(position.lsn)}`;
}

/** What a node has: its last byte, and how its timeline came to be. */
export type WalExtent = { readonly history: TimelineHistory; readonly lsn: Lsn };

export function extentPosition(extent: WalExtent): WalPosition {
  return { timeline: extent.history.timeline, lsn: extent.lsn };
}

/**
 * Does `extent` hold every byte up to `position`? Same timeline: its LSN has reached it. Otherwise the position's timeline must be an
 * ancestor that was left at or after the position.
 */
export function contains(extent: WalExtent, position: WalPosition): boolean {
  if (extent.history.timeline === position.timeline) return extent.lsn >= position.lsn;
  const ancestor = extent.history.ancestors.find((one) => one.timeline === position.timeline);
  return ancestor !== undefined && ancestor.end >= position.lsn;
}

/** Where `self` stands relative to `other`, by ancestry first. */
export function compareExtents(self: WalExtent, other: WalExtent): WalOrder {
  const selfHasOther = contains(self, extentPosition(other));
  const otherHasSelf = contains(other, extentPosition(self));
  if (selfHasOther && otherHasSelf) return 'equal';
  if (selfHasOther) return 'ahead';
  return otherHasSelf ? 'behind' : 'diverged';
}
