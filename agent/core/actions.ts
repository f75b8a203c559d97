/**
 * What a decision may ask for. An action that cannot be undone carries the epoch it was decided at; the executor re-checks it against the
 * newest facts just before it acts, and the guard checks once more.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { ClaimTrigger, HistoryEntry, LeaderRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import type { MemberSet } from '../../shared/domain/member-set.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';

/** Work on the local PostgreSQL. One at a time; each can be aborted. */
export type Job =
  | { readonly kind: 'initialize' }
  | { readonly kind: 'adopt' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'clone'; readonly from: MemberId; readonly epoch: Epoch }
  | { readonly kind: 'rewind'; readonly from: MemberId; readonly epoch: Epoch }
  /** `unfit`: noted durably before it runs, because it may follow nobody (T11 starts what nothing else would). */
  | { readonly kind: 'start-standby'; readonly record: LeaderRecord; readonly follow: boolean; readonly unfit: string | null }
  | { readonly kind: 'start-primary'; readonly record: LeaderRecord }
  | { readonly kind: 'kill'; readonly why: string }
  /** Notes durably that the directory has to be made anew, then kills. */
  | { readonly kind: 'condemn'; readonly why: string }
  | { readonly kind: 'follow'; readonly record: LeaderRecord }
  /** P4.2 for `ballot`: persist, cut, read the position, answer. */
  | { readonly kind: 'promise'; readonly ballot: Epoch }
  /** Fetch missing WAL from another promiser (P5.5). */
  | { readonly kind: 'fetch'; readonly from: MemberId; readonly ballot: Epoch }
  /** T4. */
  | { readonly kind: 'promote'; readonly record: LeaderRecord }
  /** Step FIRST → prove → ANY → prove. */
  | { readonly kind: 'put-in-force'; readonly set: MemberSet }
  /** A standby puts on the set that it would claim with (P7.6). */
  | { readonly kind: 'rest'; readonly set: MemberSet }
  | { readonly kind: 'open'; readonly epoch: Epoch }
  /** T9: checkpoint, keep new clients out, fast stop, drain to the target. */
  | { readonly kind: 'stop-for-switchover'; readonly operation: OperationRecord }
  /** Asks the leader to count on this incarnation no more (P7.8). */
  | { readonly kind: 'leave'; readonly from: MemberId }
  | { readonly kind: 'slots'; readonly members: readonly MemberId[] };

export type JobKind = Job['kind'];

export type Action =
  | { readonly kind: 'job'; readonly job: Job }
  /** One compare-and-swap against the revision the decision was computed from. */
  | { readonly kind: 'create'; readonly record: LeaderRecord; readonly history: HistoryEntry }
  | {
      readonly kind: 'change';
      readonly rule: 'T1' | 'T2' | 'T3' | 'T6' | 'T7' | 'T8' | 'T9' | 'T9-abort' | 'T11';
      readonly record: LeaderRecord;
      readonly modRevision: bigint;
      readonly history: HistoryEntry | null;
    }
  | { readonly kind: 'renew'; readonly record: LeaderRecord; readonly modRevision: bigint }
  | { readonly kind: 'say-down'; readonly epoch: Epoch; readonly why: 'down' | 'sick'; readonly to: readonly MemberId[] }
  | {
      readonly kind: 'ask-promises';
      readonly ballot: Epoch;
      readonly to: readonly MemberId[];
      readonly record: LeaderRecord;
      readonly modRevision: bigint;
      readonly trigger: Trigger;
    }
  | { readonly kind: 'read-store'; readonly why: string }
  | { readonly kind: 'operation'; readonly record: OperationRecord };

/** Why a take-over is being attempted (PROTOCOL P10). It says only *when* to ask, never replaces the fence. */
/** Why a node asks for promises. */
export type Trigger = Exclude<ClaimTrigger, 'creation' | 'repair'>;
