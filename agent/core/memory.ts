/**
 * What decisions remember from turn to turn and may forget in a crash (PROTOCOL P2, volatile). Anything that must survive is in the node
 * file. A decision returns the next memory; it never changes the present one.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { Lsn } from '../../shared/domain/lsn.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Trigger } from './actions.ts';

export type MemberSeen = {
  /** Since when this member has streamed from us without a break; null when it does not. */
  readonly streamingSinceMs: number | null;
  readonly lastStreamingAtMs: number;
  /** Since when its lag has been at most a segment; null when it is more. */
  readonly caughtUpSinceMs: number | null;
};

/** How an operation ended. */
export type Ending = { readonly id: string; readonly stage: 'done' | 'aborted'; readonly why: string | null };

export type Candidacy = {
  readonly ballot: Epoch;
  readonly trigger: Trigger;
  readonly sinceMs: number;
  readonly askedAtMs: number | null;
  /** When a read quorum had answered; rank waits count from here. */
  readonly quorumAtMs: number | null;
  /** Replay has stood at `lsn`, short of what was received, since then. */
  readonly gap: { readonly lsn: Lsn; readonly sinceMs: number } | null;
};

export type Memory = {
  readonly members: ReadonlyMap<MemberId, MemberSeen>;
  /** The crash of our own PostgreSQL while we hold the record. */
  readonly crash: { readonly epoch: Epoch; readonly atMs: number; readonly saidAtMs: number | null } | null;
  readonly candidacy: Candidacy | null;
  /** Since when the local standby should stream and does not. */
  readonly notStreamingSinceMs: number | null;
  /** Not before this may we re-enlist again (T3). */
  readonly reenlistAfterMs: number;
  /** Failed restarts in place that were there when the record was given up and nobody took it: they are not held against the next attempt. */
  readonly restartsForgiven: number;
  /** Which epoch's round we sit out after giving up a promotion of our own. */
  readonly sitOutEpoch: Epoch | null;
  /** Since when a promotion of ours shows no progress. */
  readonly promotingSinceMs: number | null;
  /** Since when a member of ours has been heard to promise above our epoch. */
  readonly promisedAboveSinceMs: number | null;
  /** When the replication slots were last looked after. */
  readonly slotsKeptAtMs: number | null;
  /** Since when our PostgreSQL has been seen as a running primary without a break: absences before that are nobody's fault. */
  readonly leadingSinceMs: number | null;
  /** Leaderships that began on doubtful evidence, newest last, and the epoch up to which they have been counted (unrest.ts). */
  readonly unrest: {
    readonly epoch: Epoch;
    readonly claims: readonly { readonly trigger: 'suspicion' | 'sick'; readonly atMs: number }[];
  } | null;
  /** How the last operation ended, as long as the store may still show it open. */
  readonly ended: Ending | null;
  /** Since when this node has held the record. */
  readonly heldSinceMs: number | null;
  /** Since when our PostgreSQL, as the leader's, has not answered. */
  readonly silentSinceMs: number | null;
};

export const EMPTY_MEMORY: Memory = {
  members: new Map(),
  crash: null,
  candidacy: null,
  notStreamingSinceMs: null,
  restartsForgiven: 0,
  reenlistAfterMs: 0,
  sitOutEpoch: null,
  promotingSinceMs: null,
  promisedAboveSinceMs: null,
  slotsKeptAtMs: null,
  leadingSinceMs: null,
  silentSinceMs: null,
  heldSinceMs: null,
  ended: null,
  unrest: null,
};
