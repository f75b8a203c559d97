/**
 * The store's port on etcd v3. Every call goes to several endpoints within its budget and ends as a value; nothing here throws for what
 * happens in the field, waits beyond its budget, or settles an unknown change by reading (a change was seen to commit after a linearizable
 * read that did not find it).
 */
import { randomBytes } from 'node:crypto';
import { assert, unreachable } from '../assert.ts';
import type { CallOptions, Change, ChangeOutcome, Dcs, EndpointStatus, Hint, KeyValue, Put, ReadOutcome, Subscription } from './dcs.ts';
import { ABSENT } from './dcs.ts';
import { monotonicMs } from '../runtime/clock.ts';
import type { EtcdAuth, EtcdTls } from './etcd-client.ts';
import type { OnEtcdEvent } from './etcd-event.ts';
import type { Answer, Attempt } from './etcd-outcome.ts';
import { EtcdPool } from './etcd-pool.ts';
import { race, type Judgement, type RaceEnd } from './etcd-race.ts';
import { headerOf, keepAliveOnce, readRequest, recordsOf, swapReplyOf, swapRequest } from './etcd-rpc.ts';
import { EtcdWatch } from './etcd-watch.ts';
import { carries, type Swap } from './swap.ts';
import { SwapJudge, type SwapOutcome } from './swap-judge.ts';
import { UnsettledChanges } from './unsettled-changes.ts';

export type EtcdDcsOptions = {
  /** `http://…` or `https://…`, one client each. */
  readonly endpoints: readonly string[];
  /** Bound of one attempt at one endpoint; the budget of a call bounds all of them. */
  readonly callMs: number;
  readonly auth?: EtcdAuth;
  readonly tls?: EtcdTls;
  readonly onEvent?: OnEtcdEvent;
};

export function createEtcdDcs(options: EtcdDcsOptions): Dcs {
  const { callMs, auth, tls } = options;
  const connection = { callMs, ...(auth === undefined ? {} : { auth }), ...(tls === undefined ? {} : { tls }) };
  return new EtcdDcs(new EtcdPool(options.endpoints, connection, options.onEvent ?? (() => undefined)));
}

type SwapEnd = {
  readonly outcome: SwapOutcome;
  readonly firstSentAtMs: number | null;
  /** A copy may have committed, or may still. */ readonly inDoubt: boolean;
};

class EtcdDcs implements Dcs {
  readonly #pool: EtcdPool;
  readonly #watches = new Set<EtcdWatch>();
  readonly #unsettled = new UnsettledChanges();

  constructor(pool: EtcdPool) {
    this.#pool = pool;
  }

  async read(keys: readonly string[], options: CallOptions): Promise<ReadOutcome> {
    const request = readRequest(keys);
    const end = await race(this.#pool, { call: (client, deadline) => client.kv.txn(request, { deadline }), judge: firstAnswer }, options);
    if (end.result === null) return { kind: 'unavailable', why: end.why };
    if (end.result.kind === 'refused') return { kind: 'unavailable', why: end.result.why };
    const { value, sentAtMs } = end.result;
    return { kind: 'read', header: headerOf(value.header), records: recordsOf(value), sentAtMs };
  }

  async change(change: Change, options: CallOptions): Promise<ChangeOutcome> {
    assert(change.nonce !== '' && change.value.includes(change.nonce), 'the value carries its nonce');
    const earlierMs = this.#unsettled.sentAtMs(change);
    const swap = { key: change.key, expected: change.expected, value: change.value, also: change.also ?? [] };
    const judge = new SwapJudge(carries(change.nonce), earlierMs !== null);
    const { outcome, firstSentAtMs, inDoubt } = await this.#swap(swap, judge, options);
    const sentAtMs = earlierMs ?? firstSentAtMs ?? monotonicMs();
    if (outcome.kind === 'unknown' && inDoubt) this.#unsettled.remember(change, sentAtMs);
    else this.#unsettled.settle(change);
    return outcome.kind === 'committed' ? { ...outcome, sentAtMs } : outcome;
  }

  /**
   * Reads the key and compares, although the caller does not care what was there: the copy that a frozen member kept would otherwise
   * commit minutes later, over everything written since.
   */
  async put(put: Put, options: CallOptions): Promise<boolean> {
    const isMine = (current: KeyValue | null): boolean => current !== null && current.value === put.value;
    return this.#overwrite(put.key, options, (expected) => ({ ...put, expected, also: [] }), isMine);
  }

  async remove(key: string, options: CallOptions): Promise<boolean> {
    const isGone = (current: KeyValue | null): boolean => current === null;
    return this.#overwrite(key, options, (expected) => (expected === ABSENT ? null : { key, expected, value: null, also: [] }), isGone);
  }

  watch(prefix: string, onHint: (hint: Hint) => void): Subscription {
    assert(prefix.endsWith('/'), 'a watched prefix ends with a slash');
    const watch = new EtcdWatch(this.#pool, prefix, onHint, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    // The caller holds the subscription before the first hint.
    queueMicrotask(() => watch.start());
    return watch;
  }

  /** The id is ours, so that a grant whose answer was lost can be repeated instead of leaving an orphan behind. */
  async grantLease(ttlSeconds: number, options: CallOptions): Promise<string | null> {
    assert(Number.isInteger(ttlSeconds) && ttlSeconds > 0, 'a lease lives for whole seconds');
    const id = ((randomBytes(8).readBigUInt64BE() >> 1n) | 1n).toString();
    const end = await race(
      this.#pool,
      {
        call: (client, deadline) => client.leaseClient.leaseGrant({ ID: id, TTL: ttlSeconds }, { deadline }),
        judge: firstAnswer,
      },
      options,
    );
    if (end.result === null) return null;
    return end.result.kind === 'answered' || end.result.why.includes('lease already exists') ? id : null;
  }

  async renewLease(id: string, options: CallOptions): Promise<'renewed' | 'gone' | 'unknown'> {
    assert(/^[0-9]+$/.test(id), 'a lease id is a number in text');
    const end = await race(this.#pool, { call: (client, deadline) => keepAliveOnce(client, id, deadline), judge: firstAnswer }, options);
    if (end.result?.kind !== 'answered') return 'unknown';
    return end.result.value > 0 ? 'renewed' : 'gone';
  }

  endpoints(): readonly EndpointStatus[] {
    return this.#pool.endpoints.map((endpoint) => endpoint.status());
  }

  close(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#pool.close();
    return Promise.resolve();
  }

  async #swap(swap: Swap, judge: SwapJudge, options: CallOptions): Promise<SwapEnd> {
    const request = swapRequest(swap);
    const end: RaceEnd<SwapOutcome> = await race(
      this.#pool,
      {
        call: async (client, deadline) => swapReplyOf(await client.kv.txn(request, { deadline })),
        judge: (attempt, inFlight) => judge.judge(attempt, inFlight),
      },
      options,
    );
    const inDoubt = judge.hasUnsettled || end.inFlight > 0;
    return { outcome: end.result ?? { kind: 'unknown', why: end.why }, firstSentAtMs: end.firstSentAtMs, inDoubt };
  }

  /** Reads and swaps until ours is there. `swapFrom` says null when nothing needs to be done. */
  async #overwrite(
    key: string,
    options: CallOptions,
    swapFrom: (expected: Swap['expected']) => Swap | null,
    isMine: (current: KeyValue | null) => boolean,
  ): Promise<boolean> {
    const endsAtMs = monotonicMs() + options.budgetMs;
    let expected: Swap['expected'] | null = null;
    while (monotonicMs() < endsAtMs) {
      const remaining = { budgetMs: endsAtMs - monotonicMs(), signal: options.signal };
      if (expected === null) {
        const found = await this.read([key], remaining);
        if (found.kind === 'unavailable') return false;
        expected = found.records[0]?.modRevision ?? ABSENT;
        continue;
      }
      const swap = swapFrom(expected);
      if (swap === null) return true;
      const { outcome } = await this.#swap(swap, new SwapJudge(isMine, false), remaining);
      if (outcome.kind === 'committed') return true;
      if (outcome.kind === 'refused' || outcome.kind === 'unknown') return false;
      expected = outcome.current?.modRevision ?? ABSENT;
    }
    return false;
  }
}

type FirstAnswer<A> = Answer<A> | { readonly kind: 'refused'; readonly why: string };

/** For requests that may be repeated without harm: whatever etcd itself says first, is the answer. */
function firstAnswer<A>(attempt: Attempt<A>): Judgement<FirstAnswer<A>> {
  switch (attempt.kind) {
    case 'answered':
      return { kind: 'done', result: attempt };
    case 'refused':
      return { kind: 'done', result: { kind: 'refused', why: attempt.why } };
    case 'not-done':
    case 'unknown':
      return { kind: 'next' };
    default:
      return unreachable(attempt);
  }
}
