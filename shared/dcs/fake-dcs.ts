/**
 * The store's port on a fake store, one object a client, with the faults of real etcd to be switched on: answers that never come although
 * the change commits (now, later, never), a store out of reach, watches that keep silent. It keeps the promises of the port under all of
 * them, and behaves in time as the real door does: what cannot be answered ends with the budget, not at once.
 */
import { assert } from '../assert.ts';
import type { CallOptions, Change, ChangeOutcome, Dcs, EndpointStatus, Hint, Put, ReadOutcome, Subscription } from './dcs.ts';
import type { Attempt } from './etcd-outcome.ts';
import type { FakeStore } from './fake-store.ts';
import { FakeWatch } from './fake-watch.ts';
import { carries, type Swap, type SwapReply } from './swap.ts';
import { SwapJudge, type SwapOutcome } from './swap-judge.ts';
import { UnsettledChanges } from './unsettled-changes.ts';

/** What becomes of a change whose answer is lost. */
export type LostFate =
  | { readonly kind: 'commits' }
  /** It is carried out, compare and all, only then: perhaps after it was repeated, or after somebody else's. */
  | { readonly kind: 'commits-later'; readonly afterMs: number }
  | { readonly kind: 'never' };

export type FakeDcsOptions = {
  /** One way, asked anew for every message; a simulator draws it from its seed. */
  readonly latencyMs?: () => number;
};

const RETRY_MS = 50;

type Timer = { readonly cancel: () => void };

type Exchange<A> =
  | { readonly kind: 'answered'; readonly value: A; readonly sentAtMs: number }
  /** `inDoubt`: the last request may have arrived. */
  | { readonly kind: 'ended'; readonly why: string; readonly inDoubt: boolean };

type Unknown = { readonly kind: 'unknown'; readonly why: string; readonly inDoubt: boolean };
type Outcome = Exclude<SwapOutcome, { readonly kind: 'unknown' }> | Unknown;

export class FakeDcs implements Dcs {
  readonly #store: FakeStore;
  readonly #latencyMs: () => number;
  readonly #unsettled = new UnsettledChanges();
  readonly #watches = new Set<FakeWatch>();
  readonly #closing = new AbortController();
  readonly #fates: LostFate[] = [];
  #isUnavailable = false;
  #areAnswersLost = false;
  #hasSilentWatches = false;
  #lastAnswerAtMs: number | null = null;

  constructor(store: FakeStore, options: FakeDcsOptions = {}) {
    this.#store = store;
    this.#latencyMs = options.latencyMs ?? (() => 0);
  }

  /** The answer to the next change (of those not yet sent) is lost; may be called several times for several changes. */
  unknownNext(fate: LostFate): void {
    this.#fates.push(fate);
  }

  /** Cuts this client off, or lets it through again. Messages under way are lost; what arrived before is done. */
  setUnavailable(isUnavailable: boolean): void {
    this.#isUnavailable = isUnavailable;
    this.#tellWatches();
  }

  /** Requests arrive and are carried out, answers do not come back. */
  setAnswersLost(areLost: boolean): void {
    this.#areAnswersLost = areLost;
    this.#tellWatches();
  }

  /** Watches deliver nothing and do not say so, as a member without quorum or an etcd with a defect does. */
  setSilentWatches(isSilent: boolean): void {
    this.#hasSilentWatches = isSilent;
    for (const watch of this.#watches) watch.setSilent(isSilent);
  }

  async read(keys: readonly string[], options: CallOptions): Promise<ReadOutcome> {
    const exchange = await this.#exchange(options, () => ({ header: this.#store.header(), records: this.#store.read(keys) }));
    if (exchange.kind === 'ended') return { kind: 'unavailable', why: exchange.why };
    return { kind: 'read', ...exchange.value, sentAtMs: exchange.sentAtMs };
  }

  async change(change: Change, options: CallOptions): Promise<ChangeOutcome> {
    assert(change.nonce !== '' && change.value.includes(change.nonce), 'the value carries its nonce');
    const earlierMs = this.#unsettled.sentAtMs(change);
    const sentAtMs = earlierMs ?? this.#store.scheduler.nowMs();
    const fate = this.#isOver(options) ? undefined : this.#fates.shift();
    const outcome = fate === undefined ? await this.#swap(change, options, earlierMs !== null) : await this.#lose(change, fate, options);
    if (outcome.kind === 'unknown' && outcome.inDoubt) this.#unsettled.remember(change, sentAtMs);
    else this.#unsettled.settle(change);
    if (outcome.kind === 'unknown') return { kind: 'unknown', why: outcome.why };
    return outcome.kind === 'committed' ? { ...outcome, sentAtMs } : outcome;
  }

  async put(put: Put, options: CallOptions): Promise<boolean> {
    const exchange = await this.#exchange(options, () => this.#store.put(put));
    return exchange.kind === 'answered' && exchange.value;
  }

  async remove(key: string, options: CallOptions): Promise<boolean> {
    const exchange = await this.#exchange(options, () => this.#store.remove(key));
    return exchange.kind === 'answered';
  }

  watch(prefix: string, onHint: (hint: Hint) => void): Subscription {
    assert(prefix.endsWith('/'), 'a watched prefix ends with a slash');
    const watch = new FakeWatch(this.#store, prefix, this.#latencyMs, onHint, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    watch.setReachable(this.#hears);
    watch.setSilent(this.#hasSilentWatches);
    watch.start();
    return watch;
  }

  async grantLease(ttlSeconds: number, options: CallOptions): Promise<string | null> {
    let granted: string | null = null;
    const exchange = await this.#exchange(options, () => (granted ??= this.#store.grantLease(ttlSeconds * 1_000)));
    return exchange.kind === 'answered' ? exchange.value : null;
  }

  async renewLease(id: string, options: CallOptions): Promise<'renewed' | 'gone' | 'unknown'> {
    const exchange = await this.#exchange(options, () => this.#store.renewLease(id));
    if (exchange.kind === 'ended') return 'unknown';
    return exchange.value ? 'renewed' : 'gone';
  }

  endpoints(): readonly EndpointStatus[] {
    return [{ url: 'fake://etcd', state: this.#hears ? 'ready' : 'suspect', lastAnswerAtMs: this.#lastAnswerAtMs }];
  }

  close(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#closing.abort();
    return Promise.resolve();
  }

  async #swap(change: Change, options: CallOptions, hasUnsettled: boolean): Promise<Outcome> {
    const judge = new SwapJudge(carries(change.nonce), hasUnsettled);
    const exchange = await this.#exchange(
      options,
      () => this.#store.swap(swapOf(change)),
      () => judge.judge({ kind: 'unknown', why: 'the answer was lost', suspicious: true }, 0),
    );
    if (exchange.kind === 'ended') return { kind: 'unknown', why: exchange.why, inDoubt: exchange.inDoubt || judge.hasUnsettled };
    const judgement = judge.judge(attemptOf(exchange.value, exchange.sentAtMs), 0);
    assert(judgement.kind === 'done', 'an answer with no copy in flight decides');
    const outcome = judgement.result;
    return outcome.kind === 'unknown' ? { ...outcome, inDoubt: true } : outcome;
  }

  /** The request leaves, its answer never arrives. What it does to the store, it does whether or not this client still lives. */
  async #lose(change: Change, fate: LostFate, options: CallOptions): Promise<Unknown> {
    const afterMs = fate.kind === 'commits-later' ? fate.afterMs : this.#latencyMs();
    if (fate.kind !== 'never') this.#store.scheduler.schedule(afterMs, () => this.#store.swap(swapOf(change)));
    const why = await this.#waitForEnd(options);
    return { kind: 'unknown', why, inDoubt: true };
  }

  #waitForEnd(options: CallOptions): Promise<string> {
    return new Promise((resolve) => this.#bound(options, resolve));
  }

  /** Calls back once with the reason when the budget ends, the caller gives up or the client closes. Returns how to call that off. */
  #bound(options: CallOptions, onEnd: (why: string) => void): () => void {
    const timer = this.#store.scheduler.schedule(Math.max(0, options.budgetMs), () => end('no answer from etcd within the budget'));
    const release = (): void => {
      timer.cancel();
      options.signal.removeEventListener('abort', onAbort);
      this.#closing.signal.removeEventListener('abort', onClose);
    };
    const end = (why: string): void => {
      release();
      onEnd(why);
    };
    const onAbort = (): void => end('aborted by the caller');
    const onClose = (): void => end('the connection to etcd was closed');
    options.signal.addEventListener('abort', onAbort);
    this.#closing.signal.addEventListener('abort', onClose);
    if (options.signal.aborted) onAbort();
    else if (this.#closing.signal.aborted) onClose();
    return release;
  }

  /** One request and its answer, repeated while the store is out of reach, until the budget ends. */
  #exchange<A>(options: CallOptions, serve: () => A, onLost: () => void = () => undefined): Promise<Exchange<A>> {
    const { scheduler } = this.#store;
    return new Promise((resolve) => {
      let step: Timer | null = null;
      let isAwaited = false;
      let isOver = false;
      const finish = (exchange: Exchange<A>): void => {
        isOver = true;
        step?.cancel();
        resolve(exchange);
      };
      const send = (): void => {
        if (this.#isUnavailable) {
          step = scheduler.schedule(RETRY_MS, send);
          return;
        }
        isAwaited = true;
        const sentAtMs = scheduler.nowMs();
        // Not cancelled when the caller gives up: a request that has left arrives.
        scheduler.schedule(this.#latencyMs(), () => arrive(sentAtMs));
      };
      const arrive = (sentAtMs: number): void => {
        const isLost = this.#isUnavailable;
        const value = isLost ? null : { served: serve() };
        if (isOver) return;
        step = scheduler.schedule(this.#latencyMs(), () => (value === null || !this.#hears ? lose() : answer(value.served, sentAtMs)));
      };
      const lose = (): void => {
        isAwaited = false;
        onLost();
        step = scheduler.schedule(RETRY_MS, send);
      };
      const answer = (value: A, sentAtMs: number): void => {
        release();
        this.#lastAnswerAtMs = scheduler.nowMs();
        finish({ kind: 'answered', value, sentAtMs });
      };
      const release = this.#bound(options, (why) => finish({ kind: 'ended', why, inDoubt: isAwaited }));
      if (!this.#isOver(options)) send();
    });
  }

  get #hears(): boolean {
    return !this.#isUnavailable && !this.#areAnswersLost;
  }

  #tellWatches(): void {
    for (const watch of this.#watches) watch.setReachable(this.#hears);
  }

  #isOver(options: CallOptions): boolean {
    return options.signal.aborted || this.#closing.signal.aborted;
  }
}

function swapOf(change: Change): Swap {
  return { key: change.key, expected: change.expected, value: change.value, also: change.also ?? [] };
}

function attemptOf(reply: SwapReply | 'lease-not-found', sentAtMs: number): Attempt<SwapReply> {
  if (reply === 'lease-not-found') return { kind: 'refused', why: 'the lease does not exist', suspicious: false };
  return { kind: 'answered', value: reply, sentAtMs };
}
