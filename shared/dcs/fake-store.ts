/**
 * etcd in memory, for tests and the simulator: revisions, compare-and-swap, leases, events. It has no clock of its own: time and timers are
 * given, so that a simulator drives it on virtual time and every run of a seed is the same. Clients, and all faults of the way to them,
 * are in fake-dcs.ts; what is done here is done.
 */
import { monotonicMs } from '../runtime/clock.ts';
import { ABSENT, type Header, type KeyValue, type Put } from './dcs.ts';
import { modRevision, type Swap, type SwapReply } from './swap.ts';

export type Scheduler = {
  readonly nowMs: () => number;
  /** Calls due at one instant run in the order in which they were scheduled. */
  readonly schedule: (afterMs: number, run: () => void) => { readonly cancel: () => void };
};

export const REAL_TIME: Scheduler = {
  nowMs: monotonicMs,
  schedule: (afterMs, run) => {
    const timer = setTimeout(run, afterMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export type StoreEvent =
  | { readonly kind: 'put'; readonly record: KeyValue; readonly version: number }
  | { readonly kind: 'deleted'; readonly key: string; readonly revision: bigint };

/** What a watch needs to hear besides events. */
export type StoreListener = {
  readonly onEvent: (event: StoreEvent) => void;
  /** The history that a watch would need is gone. */
  readonly onHistoryLost: (why: string) => void;
};

type Stored = {
  readonly value: string;
  readonly revision: bigint;
  /** 1 when created, +1 with every put. */ readonly version: number;
  readonly lease: string | null;
};
type Lease = { readonly ttlMs: number; timer: { readonly cancel: () => void } };

/** A copy of everything but leases; putting an old one back is a store that regressed (S6). */
export type SavedStore = { readonly revision: bigint; readonly records: ReadonlyMap<string, Stored> };

export class FakeStore {
  readonly scheduler: Scheduler;
  readonly #clusterId: string;
  readonly #leases = new Map<string, Lease>();
  readonly #listeners = new Set<StoreListener>();
  #records = new Map<string, Stored>();
  #revision = 1n;
  #raftTerm = 2n;
  #lastLease = 0;

  constructor(scheduler: Scheduler = REAL_TIME, clusterId = '1') {
    this.scheduler = scheduler;
    this.#clusterId = clusterId;
  }

  header(): Header {
    return { clusterId: this.#clusterId, revision: this.#revision, raftTerm: this.#raftTerm };
  }

  /** What is there now, for checkers: a test asks the store itself, not a client of it. */
  peek(key: string): (KeyValue & { readonly version: number }) | null {
    const stored = this.#records.get(key);
    return stored === undefined ? null : { ...recordOf(key, stored), version: stored.version };
  }

  /** In the order of keys, as etcd answers. */
  read(keys: readonly string[]): readonly KeyValue[] {
    const wanted = [...this.#records].filter(([key]) => keys.some((one) => (one.endsWith('/') ? key.startsWith(one) : key === one)));
    return wanted.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, stored]) => recordOf(key, stored));
  }

  swap(swap: Swap): SwapReply | 'lease-not-found' {
    const stored = this.#records.get(swap.key);
    const current = stored === undefined ? null : recordOf(swap.key, stored);
    const matches = swap.expected === ABSENT ? current === null : current?.modRevision === swap.expected;
    if (!matches) return { succeeded: false, header: this.header(), current };
    const lease = swap.lease === undefined ? {} : { lease: swap.lease };
    const puts = [...(swap.value === null ? [] : [{ key: swap.key, value: swap.value, ...lease }]), ...swap.also];
    if (puts.some((put) => put.lease !== undefined && !this.#leases.has(put.lease))) return 'lease-not-found';
    this.#commit(puts, swap.value === null && current !== null ? [swap.key] : []);
    return { succeeded: true, header: this.header(), current: null };
  }

  /** False: its lease does not exist. */
  put(put: Put): boolean {
    if (put.lease !== undefined && !this.#leases.has(put.lease)) return false;
    this.#commit([put], []);
    return true;
  }

  remove(key: string): void {
    if (this.#records.has(key)) this.#commit([], [key]);
  }

  grantLease(ttlMs: number): string {
    this.#lastLease += 1;
    const id = String(this.#lastLease);
    this.#leases.set(id, { ttlMs, timer: this.#expiry(id, ttlMs) });
    return id;
  }

  /** False: the lease is gone. */
  renewLease(id: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    lease.timer.cancel();
    lease.timer = this.#expiry(id, lease.ttlMs);
    return true;
  }

  /** Ends a lease early, with its keys: etcd has been seen to do this to live ones. */
  expireLease(id: string): void {
    this.#leases.get(id)?.timer.cancel();
    if (!this.#leases.delete(id)) return;
    const keys = [...this.#records].filter(([, stored]) => stored.lease === id).map(([key]) => key);
    if (keys.length > 0) this.#commit([], keys.toSorted());
  }

  /** Throws the history away, as if every watch had fallen behind it. */
  compact(): void {
    for (const listener of [...this.#listeners]) listener.onHistoryLost('the history was compacted');
  }

  save(): SavedStore {
    return { revision: this.#revision, records: new Map(this.#records) };
  }

  /** Cluster id and term stay: only the revision gives a restored store away. */
  restore(saved: SavedStore): void {
    this.#records = new Map(saved.records);
    this.#revision = saved.revision;
    for (const listener of [...this.#listeners]) listener.onHistoryLost('the store was restored');
  }

  /** An election inside etcd: the term grows, nothing else changes. */
  elect(): void {
    this.#raftTerm += 1n;
  }

  subscribe(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of every timer. */
  close(): void {
    for (const lease of this.#leases.values()) lease.timer.cancel();
    this.#leases.clear();
    this.#listeners.clear();
  }

  /** One transaction is one revision, whatever it touches. */
  #commit(puts: readonly Put[], removals: readonly string[]): void {
    this.#revision += 1n;
    const revision = this.#revision;
    const events: StoreEvent[] = [];
    for (const key of removals) {
      this.#records.delete(key);
      events.push({ kind: 'deleted', key, revision });
    }
    for (const put of puts) {
      const version = (this.#records.get(put.key)?.version ?? 0) + 1;
      const stored: Stored = { value: put.value, revision, version, lease: put.lease ?? null };
      this.#records.set(put.key, stored);
      events.push({ kind: 'put', record: recordOf(put.key, stored), version });
    }
    for (const listener of [...this.#listeners]) for (const event of events) listener.onEvent(event);
  }

  #expiry(id: string, ttlMs: number): { readonly cancel: () => void } {
    return this.scheduler.schedule(ttlMs, () => this.expireLease(id));
  }
}

function recordOf(key: string, stored: Stored): KeyValue {
  return { key, value: stored.value, modRevision: modRevision(stored.revision) };
}
