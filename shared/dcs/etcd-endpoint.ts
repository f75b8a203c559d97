/**
 * One etcd endpoint: its client, and whether it is fit to be asked. An endpoint that kept silent once is *suspect*: its client is closed,
 * nothing more is sent to it, and it is probed from outside until it answers. It never decides what an outcome means for a request.
 */
import type { Etcd3 } from 'etcd3';
import { monotonicMs } from '../runtime/clock.ts';
import type { EndpointStatus } from './dcs.ts';
import { openClient, type EtcdConnection } from './etcd-client.ts';
import type { OnEtcdEvent } from './etcd-event.ts';
import { isHealthy } from './etcd-health.ts';
import { classify, TIMED_OUT, type Attempt } from './etcd-outcome.ts';

const PROBE_TIMEOUT_MS = 500;
const PROBE_FIRST_MS = 200;
const PROBE_LONGEST_MS = 2_000;
/** How often a probe may run while somebody waits and no endpoint is ready: an election in etcd must not cost a long back-off on top. */
const PROBE_URGENT_MS = 100;
/** Lets the transport's own deadline speak first; its error says more than ours. */
const DEADLINE_SLACK_MS = 20;

export type EndpointOptions = {
  readonly connection: EtcdConnection;
  readonly onEvent: OnEtcdEvent;
  readonly onChange: (endpoint: EtcdEndpoint) => void;
  /** True while a call waits because no endpoint is ready. */
  readonly isUrgent: () => boolean;
};

export class EtcdEndpoint {
  readonly url: string;
  readonly #options: EndpointOptions;
  readonly #closing = new AbortController();
  /** Attempts under way; each is ended by calling it. */
  readonly #pending = new Set<() => void>();
  #client: Etcd3 | null = null;
  #suspectSinceMs: number | null = null;
  #lastAnswerAtMs: number | null = null;
  #probeTimer: NodeJS.Timeout | null = null;

  constructor(url: string, options: EndpointOptions) {
    this.url = new URL(url).origin;
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#suspectSinceMs === null && !this.#closing.signal.aborted;
  }

  status(): EndpointStatus {
    return { url: this.url, state: this.#suspectSinceMs === null ? 'ready' : 'suspect', lastAnswerAtMs: this.#lastAnswerAtMs };
  }

  noteAnswer(): void {
    this.#lastAnswerAtMs = monotonicMs();
  }

  /** Sends one copy. Never rejects, and ends within `attemptMs` whatever the client does: a login can hang, or repeat without limit. */
  attempt<A>(call: (client: Etcd3, deadline: number) => Promise<A>, attemptMs: number): Promise<Attempt<A>> {
    if (!this.isReady) return Promise.resolve({ kind: 'not-done', why: 'the endpoint is suspect', suspicious: false });
    const client = (this.#client ??= openClient(this.url, this.#options.connection));
    const sentAtMs = monotonicMs();
    return new Promise((resolve) => {
      const settle = (attempt: Attempt<A>): void => {
        if (!this.#pending.delete(abandon)) return;
        clearTimeout(timer);
        this.#note(attempt, client, sentAtMs);
        resolve(attempt);
      };
      const abandon = (): void => settle({ kind: 'unknown', why: 'closed', suspicious: false });
      const timer = setTimeout(() => settle(TIMED_OUT), attemptMs + DEADLINE_SLACK_MS);
      this.#pending.add(abandon);
      call(client, Date.now() + attemptMs).then(
        (value) => settle({ kind: 'answered', value, sentAtMs }),
        (error: unknown) => settle(classify(error)),
      );
    });
  }

  /** Puts the endpoint into quarantine and begins to probe it. */
  suspect(why: string): void {
    if (!this.isReady) return;
    this.#suspectSinceMs = monotonicMs();
    this.#dropClient();
    this.#options.onEvent({ kind: 'endpoint-suspect', url: this.url, why });
    this.#options.onChange(this);
    void this.#probe(PROBE_FIRST_MS);
  }

  close(): void {
    this.#closing.abort();
    if (this.#probeTimer !== null) clearTimeout(this.#probeTimer);
    for (const abandon of this.#pending) abandon();
    this.#dropClient();
  }

  #note(attempt: Attempt<unknown>, client: Etcd3, sentAtMs: number): void {
    if (attempt.kind === 'answered') return this.noteAnswer();
    this.#options.onEvent({
      kind: 'attempt-failed',
      url: this.url,
      outcome: attempt.kind,
      why: attempt.why,
      afterMs: monotonicMs() - sentAtMs,
    });
    // A copy sent before the last quarantine says nothing about the endpoint that has been found healthy since.
    if (attempt.suspicious && client === this.#client) this.suspect(attempt.why);
  }

  async #probe(nextDelayMs: number): Promise<void> {
    const healthy = await isHealthy(this.url, this.#options.connection.tls, PROBE_TIMEOUT_MS, this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    if (!healthy) return this.#probeAfter(nextDelayMs);
    const suspectForMs = monotonicMs() - (this.#suspectSinceMs ?? monotonicMs());
    this.#suspectSinceMs = null;
    this.noteAnswer();
    this.#options.onEvent({ kind: 'endpoint-ready', url: this.url, suspectForMs });
    this.#options.onChange(this);
  }

  #probeAfter(delayMs: number): void {
    const dueAtMs = monotonicMs() + delayMs;
    const tick = (): void => {
      if (monotonicMs() >= dueAtMs || this.#options.isUrgent()) void this.#probe(Math.min(delayMs * 2, PROBE_LONGEST_MS));
      else this.#probeTimer = setTimeout(tick, PROBE_URGENT_MS);
    };
    this.#probeTimer = setTimeout(tick, PROBE_URGENT_MS);
  }

  /** Calls in flight on a closed client are still answered, so nothing is lost by it. */
  #dropClient(): void {
    this.#client?.close();
    this.#client = null;
  }
}
