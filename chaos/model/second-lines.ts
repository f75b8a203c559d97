/**
 * Guards behind which another one stands: switched off alone, each in a scope that is searched exhaustively, nothing follows. That is worth knowing of a
 * guard, and it must stay so: where one of them suddenly is needed, the one behind it has gone. Only data.
 */
import type { Depth, Flags } from './scopes.ts';

const TWO: Flags = { WRITES: 1, EPOCHS: 2 };
const THREE: Flags = { WRITES: 1, EPOCHS: 3 };
const SETS: Flags = { ...TWO, SET_CHANGES: 1 };

export type SecondLine = {
  readonly without: string;
  readonly flags: Flags;
  /** What still prevents the harm. */
  readonly because: string;
  readonly depth: Depth;
};

export const SECOND_LINES: readonly SecondLine[] = [
  { without: 'ATTACH_PROMISES', flags: { ...THREE, CRASHES: 1 }, because: 'ATTACH_CANCELS has removed the decision', depth: 'default' },
  {
    without: 'ATTACH_CANCELS',
    flags: { ...THREE, CRASHES: 1 },
    because: 'PROMOTE_PROMISED and START_PROMISED ask at the act',
    depth: 'default',
  },
  { without: 'T4_PROMISED', flags: THREE, because: 'PROMOTE_PROMISED asks again at the act', depth: 'default' },
  { without: 'PROMOTE_PROMISED', flags: THREE, because: 'PROMISE_CANCELS and ATTACH_CANCELS have removed the decision', depth: 'default' },
  {
    without: 'PROMISE_CANCELS',
    flags: { ...THREE, CRASHES: 1 },
    because: 'PROMOTE_PROMISED and START_PROMISED ask at the act',
    depth: 'default',
  },
  { without: 'T5_PROMISED', flags: { ...TWO, CRASHES: 1 }, because: 'START_PROMISED asks again at the act', depth: 'default' },
  {
    without: 'START_PROMISED',
    flags: { ...TWO, CRASHES: 1 },
    because: 'PROMISE_CANCELS and ATTACH_CANCELS have removed the decision',
    depth: 'default',
  },
  {
    without: 'FETCH_BEFORE_CLAIM',
    flags: { ...THREE, CRASHES: 1, DISK_LOSSES: 1 },
    because: 'FORK_IS_FLOOR refuses the promotion',
    depth: 'default',
  },
  {
    without: 'FORK_IS_FLOOR',
    flags: { ...THREE, CRASHES: 2, DISK_LOSSES: 1, OWN_ACKS: 1 },
    because: 'a client hears only from the primary it wrote to; what is lost is a write that a later primary had inherited and shown',
    depth: 'deep',
  },
  { without: 'T3_STATE', flags: { ...THREE, SWITCHOVERS: 1, CRASHES: 1 }, because: 'T5_TIMELINE refuses the start', depth: 'deep' },
  { without: 'T5_TIMELINE', flags: { ...THREE, SWITCHOVERS: 1, CRASHES: 1 }, because: 'T3_STATE goes back to promoting', depth: 'deep' },
  {
    without: 'WIPE_OUTSIDE_RECORD',
    flags: { ...SETS, RECLONES: 1 },
    because: 'INCARNATION: the wiped member counts no more',
    depth: 'default',
  },
  {
    without: 'WIPE_OUTSIDE_SET',
    flags: { ...SETS, RECLONES: 1 },
    because: 'INCARNATION: the wiped member counts no more',
    depth: 'default',
  },
  {
    without: 'T5_SAFE_SET',
    flags: { ...SETS, CRASHES: 1 },
    because: 'SAFE_RECORD and SAFE_SETTING have kept the file safe with the record',
    depth: 'default',
  },
  {
    without: 'CLAIMED_SET',
    flags: { ...THREE, CRASHES: 1 },
    because: 'a member that never promised lacks the floor, and counts for nothing above it',
    depth: 'default',
  },
];
