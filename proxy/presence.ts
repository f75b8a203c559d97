/**
 * Tells the cluster that this proxy exists: one leased key, for display, and for whoever has to reach every proxy. It must never matter to
 * routing; when etcd cannot be reached the proxy goes on without being listed.
 */
import type { Dcs } from '../shared/dcs/dcs.ts';

export type PresenceOptions = {
  readonly dcs: Dcs;
  readonly key: string;
  readonly value: string;
};

const TTL_SECONDS = 10;
const RENEW_MS = 3_000;
const CALL_MS = 2_000;

export class Presence {
  readonly #options: PresenceOptions;
  readonly #closed = new AbortController();
  #lease: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#beat();
  }

  /** Leaves the list at once instead of at the end of the lease. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#closed.abort();
    if (this.#lease !== null)
      await this.#options.dcs.remove(this.#options.key, { budgetMs: CALL_MS, signal: AbortSignal.timeout(CALL_MS) });
  }

  /** Beats one after the other: the next begins a while after this one has ended. */
  async #beat(): Promise<void> {
    await this.#announce();
    if (this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#beat(), RENEW_MS);
  }

  async #announce(): Promise<void> {
    const { dcs, key, value } = this.#options;
    const options = { budgetMs: CALL_MS, signal: this.#closed.signal };
    if (this.#lease !== null && (await dcs.renewLease(this.#lease, options)) !== 'gone') return;
    this.#lease = null;
    const lease = await dcs.grantLease(TTL_SECONDS, options);
    if (lease === null) return;
    if (await dcs.put({ key, value, lease }, options)) this.#lease = lease;
  }
}
