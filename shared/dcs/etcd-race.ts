/**
 * Sends identical copies of one request to one endpoint after the other until a judge is satisfied or the budget ends. A silent endpoint
 * costs 50 ms, not a deadline: the next one is asked meanwhile. Safe only because a second copy of what is sent here changes nothing: it is
 * a read, a renewal, a grant of one named lease, or compares a mod revision. Nothing else may be sent through here.
 */
import type { Etcd3 } from 'etcd3';
import { assert, unreachable } from '../assert.ts';
import { monotonicMs } from '../runtime/clock.ts';
import type { CallOptions } from './dcs.ts';
import type { EtcdEndpoint } from './etcd-endpoint.ts';
import type { Attempt } from './etcd-outcome.ts';
import type { EtcdPool } from './etcd-pool.ts';

/** How long one endpoint may think before another is asked as well; also the least pause before the same one is asked again. */
const HEDGE_MS = 50;

export type Judgement<R> =
  | { readonly kind: 'done'; readonly result: R }
  /** The result may become more precise when the copies under way answer: wait for them a moment, send no more. */
  | { readonly kind: 'linger'; readonly result: R }
  | { readonly kind: 'next' };

export type RaceTask<A, R> = {
  readonly call: (client: Etcd3, deadline: number) => Promise<A>;
  /** `inFlight`: copies that have not been answered yet. */
  readonly judge: (attempt: Attempt<A>, inFlight: number) => Judgement<R>;
};

export type RaceEnd<R> = {
  /** Null: the budget ended, or the caller gave up, before the judge was satisfied. */
  readonly result: R | null;
  readonly why: string;
  /** Monotonic, before the first copy was sent; null when none was. */
  readonly firstSentAtMs: number | null;
  readonly inFlight: number;
};

export function race<A, R>(pool: EtcdPool, task: RaceTask<A, R>, options: CallOptions): Promise<RaceEnd<R>> {
  assert(Number.isFinite(options.budgetMs), 'a call has a budget');
  return new Promise((resolve) => new Race(pool, task, options, resolve).start());
}

class Race<A, R> {
  readonly #pool: EtcdPool;
  readonly #task: RaceTask<A, R>;
  readonly #options: CallOptions;
  readonly #resolve: (end: RaceEnd<R>) => void;
  readonly #endsAtMs: number;
  /** Endpoint → when its last copy was answered; null while one is in flight. */
  readonly #asked = new Map<EtcdEndpoint, number | null>();
  readonly #aborted = (): void => this.#end(null, 'aborted by the caller');
  readonly #closed = (): void => this.#end(null, 'the connection to etcd was closed');
  #budgetTimer: NodeJS.Timeout | undefined;
  #nextTimer: NodeJS.Timeout | undefined;
  #stopWaiting: (() => void) | null = null;
  #inFlight = 0;
  #firstSentAtMs: number | null = null;
  #lastFailure: string | null = null;
  #lingering: R | null = null;
  #ended = false;

  constructor(pool: EtcdPool, task: RaceTask<A, R>, options: CallOptions, resolve: (end: RaceEnd<R>) => void) {
    this.#pool = pool;
    this.#task = task;
    this.#options = options;
    this.#resolve = resolve;
    this.#endsAtMs = monotonicMs() + options.budgetMs;
  }

  start(): void {
    if (this.#options.signal.aborted) return this.#aborted();
    if (this.#pool.closed.aborted) return this.#closed();
    this.#options.signal.addEventListener('abort', this.#aborted);
    this.#pool.closed.addEventListener('abort', this.#closed);
    this.#budgetTimer = setTimeout(() => this.#end(null, this.#describe()), Math.max(0, this.#options.budgetMs));
    this.#sendNext();
  }

  #sendNext(): void {
    if (this.#ended || this.#lingering !== null) return;
    clearTimeout(this.#nextTimer);
    this.#nextTimer = setTimeout(() => this.#sendNext(), HEDGE_MS);
    const remainingMs = this.#endsAtMs - monotonicMs();
    const endpoint = remainingMs <= 0 ? null : this.#pool.pick((one) => this.#mayAsk(one));
    if (endpoint !== null) return this.#send(endpoint, Math.min(this.#pool.connection.callMs, remainingMs));
    if (!this.#pool.hasReady) this.#stopWaiting ??= this.#pool.onReady(() => this.#onReady());
  }

  #onReady(): void {
    this.#stopWaiting = null;
    this.#sendNext();
  }

  /** Without the pause, an endpoint that fails at once ("no leader") would be asked a thousand times a second. */
  #mayAsk(endpoint: EtcdEndpoint): boolean {
    const answeredAtMs = this.#asked.get(endpoint);
    return answeredAtMs === undefined || (answeredAtMs !== null && monotonicMs() - answeredAtMs >= HEDGE_MS);
  }

  #send(endpoint: EtcdEndpoint, attemptMs: number): void {
    this.#firstSentAtMs ??= monotonicMs();
    this.#inFlight += 1;
    this.#asked.set(endpoint, null);
    void endpoint.attempt(this.#task.call, attemptMs).then((attempt) => this.#onAttempt(endpoint, attempt));
  }

  #onAttempt(endpoint: EtcdEndpoint, attempt: Attempt<A>): void {
    if (this.#ended) return;
    this.#inFlight -= 1;
    this.#asked.set(endpoint, monotonicMs());
    if (attempt.kind !== 'answered') {
      this.#lastFailure = `${endpoint.url}: ${attempt.why}`;
      if (attempt.kind !== 'refused') this.#pool.avoid(endpoint);
    }
    const judgement = this.#task.judge(attempt, this.#inFlight);
    switch (judgement.kind) {
      case 'done':
        return this.#end(judgement.result, 'answered');
      case 'linger':
        return this.#linger(judgement.result);
      case 'next':
        return this.#sendNext();
      default:
        return unreachable(judgement);
    }
  }

  #linger(result: R): void {
    const isFirst = this.#lingering === null;
    this.#lingering = result;
    if (!isFirst) return;
    clearTimeout(this.#nextTimer);
    this.#nextTimer = setTimeout(() => this.#end(this.#lingering, 'answered'), HEDGE_MS);
  }

  #describe(): string {
    if (this.#lastFailure !== null) return this.#lastFailure;
    return this.#firstSentAtMs === null ? 'no endpoint of etcd is reachable' : 'no answer from etcd within the budget';
  }

  #end(result: R | null, why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#budgetTimer);
    clearTimeout(this.#nextTimer);
    this.#stopWaiting?.();
    this.#options.signal.removeEventListener('abort', this.#aborted);
    this.#pool.closed.removeEventListener('abort', this.#closed);
    // What lingered is an answer already; the end of the budget does not take it back.
    this.#resolve({ result: result ?? this.#lingering, why, firstSentAtMs: this.#firstSentAtMs, inFlight: this.#inFlight });
  }
}
