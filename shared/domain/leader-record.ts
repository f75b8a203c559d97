/**
 * The leader record: the one value in etcd that decides (PROTOCOL P2). It is never deleted and never attached to an etcd lease; every
 * change is one compare-and-swap on its mod revision. It *is* the durability configuration: who must be asked before anybody may take over.
 */
import type { Epoch } from './epoch.ts';
import type { MemberSet } from './member-set.ts';
import type { MemberId } from './node-id.ts';
import type { Ancestor, TimelineId } from './timeline.ts';
import type { WalPosition } from './wal-position.ts';

export type DurabilityMode = 'quorum' | 'async';

export type LeaderState =
  | { readonly kind: 'promoting' }
  | { readonly kind: 'serving' }
  /** The holder's PostgreSQL is verified dead. `final` is its last position when that is known. */
  | { readonly kind: 'released'; readonly final: WalPosition | null }
  /** A planned move: the holder stopped cleanly at `final`; only `to` may claim by it. */
  | { readonly kind: 'handing-over'; readonly to: MemberId; readonly final: WalPosition };

export type LeaderRecord = {
  readonly systemId: string;
  readonly epoch: Epoch;
  /** +1 for every change that is not a renewal. (epoch, seq) never falls (I6). */
  readonly seq: number;
  readonly holder: MemberId;
  readonly state: LeaderState;
  readonly mode: DurabilityMode;
  readonly set: MemberSet;
  /** The largest timeline id ever reserved (I5). */
  readonly timeline: TimelineId;
  /** The position nobody may claim without (H1). */
  readonly floor: WalPosition;
  /** Incarnations declared lost by an operator; they may never return as members. */
  readonly barred: readonly MemberId[];
  readonly ttlMs: number;
  /** Async mode only: the holder's last recorded position, for the loss bound. */
  readonly observed: WalPosition | null;
  /** Fresh random text with every put; a renewal changes nothing else. Settles an unknown CAS when seen (S3). */
  readonly nonce: string;
};

/** How far the record has come: every change raises one of the two, a claim both. */
export type RecordMark = Pick<LeaderRecord, 'epoch' | 'seq'>;

export function isOlder(one: RecordMark, other: RecordMark): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.seq < other.seq);
}

/** What began a leadership: the cluster's creation, the evidence that the one before was over, or the repair of a store that had gone back (S6). */
export type ClaimTrigger = 'creation' | 'down' | 'sick' | 'released' | 'handing-over' | 'suspicion' | 'ttl' | 'operator' | 'repair';

/** Written in the transaction of the claim: how leadership moved, and what the timeline id means. */
export type HistoryEntry = {
  readonly epoch: Epoch;
  readonly holder: MemberId;
  readonly timeline: TimelineId;
  readonly floor: WalPosition;
  /** How the floor's own timeline came to be, so that this entry alone tells the whole road to the timeline it reserves. */
  readonly ancestors: readonly Ancestor[];
  readonly trigger: ClaimTrigger;
  readonly why: string;
  /** Wall time, ISO 8601, for humans only. */
  readonly at: string;
};

/** `nodes/<name>`: where a node can be found. Unleased; addresses change rarely. */
export type NodeRecord = {
  readonly member: MemberId;
  readonly bootCount: number;
  readonly pgHost: string;
  readonly pgPort: number;
  /** Base URL of the agent's HTTP API, e.g. `http://10.0.0.1:8008`. */
  readonly agentUrl: string;
  readonly priority: number;
};

/** `proxies/<id>`: how a proxy is reached. Leased; nothing is routed by it. */
export type ProxyRecord = {
  readonly id: string;
  readonly rwPort: number;
  readonly roPort: number;
  /** Base URL of its HTTP API. */
  readonly url: string;
};

export type SwitchoverStage =
  | 'requested'
  | 'checkpointing'
  | 'parking'
  | 'stopping'
  | 'draining'
  | 'handing-over'
  | 'promoting'
  | 'done'
  | 'aborted';

/** `operation`: the one open planned operation of the cluster. */
export type OperationRecord = {
  readonly id: string;
  readonly kind: 'switchover';
  readonly from: MemberId;
  readonly to: MemberId;
  readonly stage: SwitchoverStage;
  /** Stage → ms since the operation was requested, by the clock of whoever wrote the stage. */
  readonly stagesMs: Readonly<Partial<Record<SwitchoverStage, number>>>;
  readonly epoch: Epoch;
  readonly why: string | null;
  readonly requestedAt: string;
};

export function isOpen(operation: Pick<OperationRecord, 'stage'>): boolean {
  return operation.stage !== 'done' && operation.stage !== 'aborted';
}
