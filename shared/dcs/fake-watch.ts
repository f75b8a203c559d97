/**
 * One watch of a fake client: first a snapshot, then changes in order, after every break `lost` and a new snapshot. It behaves in time as
 * the real one: a store out of reach is noticed after 500 ms, and what happened until then is delivered late if the way opens again sooner.
 */
import type { Hint, Subscription } from './dcs.ts';
import type { FakeStore, StoreEvent } from './fake-store.ts';
import { modRevision } from './swap.ts';

const SILENCE_MS = 500;

type Timer = { readonly cancel: () => void };

export class FakeWatch implements Subscription {
  readonly #store: FakeStore;
  readonly #prefix: string;
  readonly #latencyMs: () => number;
  readonly #onHint: (hint: Hint) => void;
  readonly #onClosed: () => void;
  readonly #queue: Hint[] = [];
  #unsubscribe: (() => void) | null = null;
  #snapshotTimer: Timer | null = null;
  #silenceTimer: Timer | null = null;
  #deliveryTimer: Timer | null = null;
  #isReachable = true;
  #isSilent = false;
  #isLost = false;
  #isStarted = false;
  #closed = false;

  constructor(store: FakeStore, prefix: string, latencyMs: () => number, onHint: (hint: Hint) => void, onClosed: () => void) {
    this.#store = store;
    this.#prefix = prefix;
    this.#latencyMs = latencyMs;
    this.#onHint = onHint;
    this.#onClosed = onClosed;
  }

  start(): void {
    this.#isStarted = true;
    if (this.#isReachable) this.#open();
    else this.#armSilence();
  }

  setReachable(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    if (!this.#isStarted || this.#closed) return;
    if (!isReachable) return this.#armSilence();
    this.#silenceTimer?.cancel();
    this.#silenceTimer = null;
    if (this.#unsubscribe === null) this.#open();
    else this.#deliverSoon();
  }

  /** While silent nothing is said, not even that something is lost; afterwards the watch begins anew. */
  setSilent(isSilent: boolean): void {
    if (this.#isSilent === isSilent) return;
    this.#isSilent = isSilent;
    if (!isSilent && this.#isStarted) this.#break('silent');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drop();
    this.#silenceTimer?.cancel();
    this.#onClosed();
  }

  #open(): void {
    if (this.#closed || this.#snapshotTimer !== null) return;
    const sentAtMs = this.#store.scheduler.nowMs();
    this.#snapshotTimer = this.#store.scheduler.schedule(this.#latencyMs(), () => {
      this.#snapshotTimer = null;
      if (this.#closed || !this.#isReachable) return;
      this.#unsubscribe = this.#store.subscribe({ onEvent: (event) => this.#onEvent(event), onHistoryLost: (why) => this.#break(why) });
      this.#queue.push({ kind: 'snapshot', header: this.#store.header(), records: this.#store.read([this.#prefix]), sentAtMs });
      this.#deliverSoon();
    });
  }

  #onEvent(event: StoreEvent): void {
    const key = event.kind === 'put' ? event.record.key : event.key;
    if (!key.startsWith(this.#prefix) || this.#isSilent) return;
    this.#queue.push(
      event.kind === 'put' ? { kind: 'put', record: event.record } : { kind: 'deleted', key, modRevision: modRevision(event.revision) },
    );
    this.#deliverSoon();
  }

  /** One delivery under way at a time, so that no latency overtakes another. */
  #deliverSoon(): void {
    if (this.#deliveryTimer !== null || this.#queue.length === 0) return;
    this.#deliveryTimer = this.#store.scheduler.schedule(this.#latencyMs(), () => {
      this.#deliveryTimer = null;
      if (this.#isReachable) this.#deliver(this.#queue.splice(0));
    });
  }

  #deliver(hints: readonly Hint[]): void {
    for (const hint of hints) {
      // A hint may make its receiver do something that ends this stream; the rest belonged to it.
      if (this.#unsubscribe === null || this.#isSilent) return;
      if (hint.kind === 'snapshot') this.#isLost = false;
      this.#onHint(hint);
    }
    this.#deliverSoon();
  }

  #armSilence(): void {
    this.#silenceTimer ??= this.#store.scheduler.schedule(SILENCE_MS, () => {
      this.#silenceTimer = null;
      this.#break('silent');
    });
  }

  #break(why: string): void {
    if (this.#closed) return;
    this.#drop();
    if (this.#isSilent) return;
    if (!this.#isLost) {
      this.#isLost = true;
      this.#onHint({ kind: 'lost', why });
    }
    if (this.#isReachable) this.#open();
  }

  #drop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#snapshotTimer?.cancel();
    this.#snapshotTimer = null;
    this.#deliveryTimer?.cancel();
    this.#deliveryTimer = null;
    this.#queue.length = 0;
  }
}
