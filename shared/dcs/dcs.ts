/**
 * The one door to etcd, as a port. Nothing of the etcd client leaves it. Rules S1–S6 of PROTOCOL P3 are written into the types: an
 * outcome is committed, rejected or *unknown*, and unknown is settled by sending the identical change again, never by reading back.
 *
 * Every call has a budget (ms) and an AbortSignal; nothing here waits for ever. Time here is monotonic milliseconds.
 */
import type { Brand } from '../domain/brand.ts';

/** The revision of a key's last modification. */
export type ModRevision = Brand<bigint, 'ModRevision'>;

export const ABSENT = 'absent';
/** What a change was computed from. `absent` is for creation only (T0). */
export type Expected = ModRevision | typeof ABSENT;

/** Identity and age of an answer: a lower revision, or another cluster id, means that the store regressed (S6). */
export type Header = { readonly clusterId: string; readonly revision: bigint; readonly raftTerm: bigint };

export type KeyValue = { readonly key: string; readonly value: string; readonly modRevision: ModRevision };

export type ReadOutcome =
  | {
      readonly kind: 'read';
      readonly header: Header;
      readonly records: readonly KeyValue[];
      /** Monotonic, before the request was sent. */ readonly sentAtMs: number;
    }
  | { readonly kind: 'unavailable'; readonly why: string };

export type Put = { readonly key: string; readonly value: string; /** Etcd lease id, presence keys only. */ readonly lease?: string };

export type Change = {
  readonly key: string;
  readonly expected: Expected;
  readonly value: string;
  /** Text that occurs in `value` and nowhere else; proves "mine" when seen (S3). */
  readonly nonce: string;
  /** Written in the same transaction (a claim's history entry). */
  readonly also?: readonly Put[];
  /** Etcd lease id: presence keys only, never the leader record. */
  readonly lease?: string;
};

export type ChangeOutcome =
  /** `sentAtMs`: monotonic, before the *first* copy was sent; a lease counts from here. */
  | { readonly kind: 'committed'; readonly modRevision: ModRevision; readonly sentAtMs: number; readonly header: Header }
  /** Definitely not committed, nor ever will be. `current` is the present value (null: absent). */
  | { readonly kind: 'rejected'; readonly current: KeyValue | null; readonly header: Header }
  /** Something else is there now; ours may have been there for a moment. */
  | { readonly kind: 'superseded'; readonly current: KeyValue | null; readonly header: Header }
  /** The store answered that it will not do this (quota, permission); no copy is in flight. */
  | { readonly kind: 'refused'; readonly why: string }
  /** The budget ended first. It may still commit. Settle it with the identical change. */
  | { readonly kind: 'unknown'; readonly why: string };

/** What a watch says: a hint that something changed, with the newest known content. It decides nothing (S5). */
export type Hint =
  | { readonly kind: 'snapshot'; readonly header: Header; readonly records: readonly KeyValue[]; readonly sentAtMs: number }
  | { readonly kind: 'put'; readonly record: KeyValue }
  | { readonly kind: 'deleted'; readonly key: string; readonly modRevision: ModRevision }
  /** Nothing can be watched at present; `since` is monotonic. */
  | { readonly kind: 'lost'; readonly why: string };

export type Subscription = { readonly close: () => void };

export type EndpointStatus = {
  readonly url: string;
  readonly state: 'ready' | 'suspect';
  /** Monotonic ms of the last answer, null before the first. */
  readonly lastAnswerAtMs: number | null;
};

export type CallOptions = { readonly budgetMs: number; readonly signal: AbortSignal };

export interface Dcs {
  /** One linearizable transaction over the exact keys and key prefixes (a prefix ends with `/`). */
  read(keys: readonly string[], options: CallOptions): Promise<ReadOutcome>;
  /** One compare-and-swap; repeats the identical request on other endpoints until it is settled or the budget ends. */
  change(change: Change, options: CallOptions): Promise<ChangeOutcome>;
  /** Unconditional put of keys that decide nothing (nodes/, operation display, presence). False: not known committed. */
  put(put: Put, options: CallOptions): Promise<boolean>;
  remove(key: string, options: CallOptions): Promise<boolean>;
  /** Watches a prefix: first a snapshot, then changes; after every break a new snapshot. Ordered by mod revision per key. */
  watch(prefix: string, onHint: (hint: Hint) => void): Subscription;
  /** Presence only: never a basis of safety. `gone`: the lease has expired, grant again. */
  grantLease(ttlSeconds: number, options: CallOptions): Promise<string | null>;
  renewLease(id: string, options: CallOptions): Promise<'renewed' | 'gone' | 'unknown'>;
  endpoints(): readonly EndpointStatus[];
  /** Cancels streams first, then connections. */
  close(): Promise<void>;
}
