/**
 * The endpoints in order of preference. The preferred one stays preferred until it fails; then the next takes its place. It knows nothing
 * about requests.
 */
import { assert } from '../assert.ts';
import type { EtcdConnection } from './etcd-client.ts';
import { EtcdEndpoint } from './etcd-endpoint.ts';
import type { OnEtcdEvent } from './etcd-event.ts';

export class EtcdPool {
  readonly endpoints: readonly EtcdEndpoint[];
  readonly connection: EtcdConnection;
  readonly onEvent: OnEtcdEvent;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<() => void>();
  #preferred = 0;

  constructor(urls: readonly string[], connection: EtcdConnection, onEvent: OnEtcdEvent) {
    assert(urls.length > 0, 'at least one etcd endpoint is given');
    assert(connection.tls === undefined || urls.every((url) => url.startsWith('https:')), 'certificates are given for https endpoints');
    assert(Number.isFinite(connection.callMs) && connection.callMs > 0, 'a call has a deadline');
    this.connection = connection;
    this.onEvent = onEvent;
    const isUrgent = (): boolean => this.#waiting.size > 0;
    const onChange = (endpoint: EtcdEndpoint): void => this.#onChange(endpoint);
    this.endpoints = urls.map((url) => new EtcdEndpoint(url, { connection, onEvent, onChange, isUrgent }));
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  get hasReady(): boolean {
    return this.endpoints.some((endpoint) => endpoint.isReady);
  }

  /** The best ready endpoint that `isEligible` lets pass; null when there is none. */
  pick(isEligible: (endpoint: EtcdEndpoint) => boolean): EtcdEndpoint | null {
    return this.#from(this.#preferred).find((endpoint) => endpoint.isReady && isEligible(endpoint)) ?? null;
  }

  /** A ready endpoint for a watch: not the one it just lost, and preferably not the one that answers calls, so that one fault hits one of them. */
  pickForWatch(last: EtcdEndpoint | null): EtcdEndpoint | null {
    const start = last === null ? this.#preferred : this.endpoints.indexOf(last);
    return this.#from(start + 1).find((endpoint) => endpoint.isReady) ?? null;
  }

  /** An endpoint did not do what it was asked: the next one goes first from now on. */
  avoid(endpoint: EtcdEndpoint): void {
    if (this.endpoints[this.#preferred] !== endpoint) return;
    const next = this.#from(this.#preferred + 1).find((one) => one.isReady);
    if (next !== undefined) this.#preferred = this.endpoints.indexOf(next);
  }

  /** Calls back, once, as soon as an endpoint turns ready; while anybody waits, suspects are probed more often. Returns the way out. */
  onReady(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  close(): void {
    this.#closing.abort();
    this.#waiting.clear();
    for (const endpoint of this.endpoints) endpoint.close();
  }

  #onChange(endpoint: EtcdEndpoint): void {
    if (!endpoint.isReady) return this.avoid(endpoint);
    const callbacks = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of callbacks) callback();
  }

  #from(start: number): readonly EtcdEndpoint[] {
    const first = start % this.endpoints.length;
    return [...this.endpoints.slice(first), ...this.endpoints.slice(0, first)];
  }
}
