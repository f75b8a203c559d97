/**
 * Everything a decision may look at, as one value with one `nowMs`. Facts carry their age; "unknown" is a value. Nothing in core/ reads a
 * clock, a disk or a socket: the same code runs in production and in the simulator.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord, RecordMark } from '../../shared/domain/leader-record.ts';
import type { Lsn } from '../../shared/domain/lsn.ts';
import type { MemberSet } from '../../shared/domain/member-set.ts';
import type { MemberId, NodeName } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { WalExtent, WalPosition } from '../../shared/domain/wal-position.ts';
import type { GuardStatus } from '../guard/protocol.ts';
import type { NodeFile } from '../node-file/port.ts';
import type { ServerState } from '../postgres/port.ts';
import type { JobKind } from './actions.ts';
import type { Health } from './health.ts';

/** This node's own configuration, as far as decisions need it. */
export type Self = {
  readonly name: NodeName;
  readonly member: MemberId;
  /** 0: never a candidate. */
  readonly priority: number;
  readonly adopt: boolean;
  readonly initialize: boolean;
  readonly policy: Policy;
};

/** What is known of the leader record, and how well. */
export type StoreFacts = {
  readonly view:
    | { readonly kind: 'unknown' }
    | { readonly kind: 'absent'; /** Monotonic: when the linearizable read that found nothing was sent. */ readonly readAtMs: number }
    | {
        readonly kind: 'present';
        readonly record: LeaderRecord;
        readonly modRevision: bigint;
        /** Monotonic: when this node first saw this revision. The lease of another is judged by this, never by its own words. */
        readonly firstSeenAtMs: number;
      };
  /** Monotonic send time of the last successful linearizable read; null before the first. */
  readonly lastReadAtMs: number | null;
  /** Since when successful reads followed each other at most ttl/4 apart; null when they do not. */
  readonly unbrokenSinceMs: number | null;
  /** S4: a renewal of ours has been committed since this agent started. */
  readonly renewedSinceStart: boolean;
  /** Send time of our last change known committed as a holder; the lease counts from it. */
  readonly renewedAtMs: number | null;
  /** S6: why this store may not be trusted, with its code; null when it may. */
  readonly regressed: string | null;
  readonly history: readonly HistoryEntry[];
  readonly nodes: ReadonlyMap<NodeName, NodeRecord>;
  readonly operation: OperationRecord | null;
  /** What of ours is on its way (S2). While it is a change, both of its outcomes are possible (S3). */
  readonly changeInFlight: 'none' | 'renewal' | 'change';
};

/** What another agent last said about itself. */
export type PeerStatus = {
  readonly name: NodeName;
  readonly member: MemberId;
  /** Of its data; null: it has none. */
  readonly systemId: string | null;
  readonly epoch: Epoch | null;
  readonly promised: Epoch;
  /** How far the record had come that it last acted on; null: it has never acted on any. */
  readonly accepted: RecordMark | null;
  readonly priority: number;
  /** End of its WAL; null when it cannot say. */
  readonly extent: WalExtent | null;
  /** Holds the record and runs as its primary by right; it may still be waiting for the members it needs. */
  readonly leads: boolean;
  /** And lets clients in. */
  readonly servingAsPrimary: boolean;
  /** Its PostgreSQL runs and does its work. */
  readonly healthy: boolean;
  /** For how long it has missed every sign of life of the holder of `epoch`; null: it has not, or may not judge. */
  readonly holderSilentMs: number | null;
  /** Monotonic: before the question was sent. */
  readonly askedAtMs: number;
  readonly heardAtMs: number;
};

/** What this node knows of the holder's life. All monotonic, null: never. */
export type HolderSigns = {
  readonly member: MemberId | null;
  /** Its agent answered. */
  readonly heardAtMs: number | null;
  /** WAL arrived from it. */
  readonly walMovedAtMs: number | null;
  /** Its PostgreSQL answered, or failed to answer, a question of ours. */
  readonly probeAnsweredAtMs: number | null;
  readonly probeFailedAtMs: number | null;
};

/** An answer to a promise request (PROTOCOL P4.2). */
export type PromiseAnswer = {
  readonly member: MemberId;
  readonly name: NodeName;
  readonly promised: Epoch;
  readonly extent: WalExtent;
  readonly priority: number;
  readonly acceptedEpoch: Epoch | null;
};

export type ServerFactsSeen = { readonly state: ServerState; readonly seenAtMs: number };

/** What this process has put into synchronous_standby_names, and whether that is proven. */
export type InForce =
  | { readonly kind: 'unproven' }
  /** `provenAtLsn`: WAL position taken after the proof; catch-up counts from here. k = 0 with no members is the empty list. */
  | { readonly kind: 'proven'; readonly set: MemberSet; readonly waiting: boolean; readonly provenAtLsn: Lsn | null };

export type Facts = {
  readonly nowMs: number;
  /**
   * Has that instant come? While it has not, whoever asks is woken when it does: a decision that waits for a moment must ask in this way, or it
   * would be made again only when something else happens.
   */
  readonly reached: (atMs: number) => boolean;
  readonly self: Self;
  readonly startedAtMs: number;
  readonly file: NodeFile;
  readonly store: StoreFacts;
  readonly server: ServerFactsSeen;
  readonly guard: GuardStatus | null;
  readonly peers: ReadonlyMap<NodeName, PeerStatus>;
  readonly holder: HolderSigns;
  /** Since when this process has been awake without a gap. */
  readonly awakeSinceMs: number;
  /** Members that confirmed to have promised nothing above an epoch, and when they were asked. */
  readonly confirmations: ReadonlyMap<MemberId, { readonly epoch: Epoch; readonly askedAtMs: number }>;
  /** Incarnations that have asked this holder to be let go: their data is about to be made anew. */
  readonly leaving: Pick<ReadonlySet<MemberId>, 'has'>;
  readonly answers: readonly PromiseAnswer[];
  /** The holder's agent said that its PostgreSQL is dead, or does no work and is given up. */
  readonly down: { readonly epoch: Epoch; readonly holder: MemberId; readonly why: 'down' | 'sick'; readonly heardAtMs: number } | null;
  /** An operator asked this node to take over from that epoch. */
  readonly takeover: {
    readonly epoch: Epoch;
    readonly declareLost: readonly MemberId[];
    readonly force: boolean;
    readonly askedAtMs: number;
  } | null;
  /** Members of the record that acknowledged our own `down`. */
  readonly downAcknowledged: ReadonlySet<MemberId>;
  readonly job: { readonly kind: JobKind; readonly sinceMs: number } | null;
  /** When a job of a kind last failed, and how often in a row. */
  readonly failures: ReadonlyMap<JobKind, { readonly atMs: number; readonly count: number; readonly why: string }>;
  /** Whom the local standby has been told to follow. */
  readonly following: { readonly epoch: Epoch; readonly holder: MemberId } | null;
  readonly inForce: InForce;
  /** Standby: the set it rests on (P7.6), so that a claim needs no wait; null: the placeholder. */
  readonly resting: MemberSet | null;
  readonly health: Health;
  /** The others have been told that our PostgreSQL is dead: whatever it still does, it no longer serves. */
  readonly hasSaidDown: boolean;
  /** Ordinary clients are let in by pg_hba. */
  readonly open: boolean;
  /** How far our planned stop has come: where the WAL ends, and whether the target reported that it has all of it. */
  readonly handover: { readonly operationId: string; readonly final: WalPosition; readonly drained: boolean } | null;
  /** The epoch whose promise has been carried out completely (receiver seen dead) in this postmaster's life. */
  readonly promiseKept: Epoch | null;
};
