/**
 * Cancel requests: remembers which server issued a client's key, and carries the request there. A key of unknown origin (TLS hides it, or
 * another proxy saw it) goes to every server: only the one that issued it heeds it. A session that was moved has another key at its new server;
 * its client still has the first. The client is never answered; it waits for the end.
 */
import { setMaxListeners } from 'node:events';
import { encodeCancelRequest, type CancelKey } from './wire/backend-key.ts';
import { dial, type Address } from './dial.ts';
import { Turnstile } from './turnstile.ts';

const CONNECT_MS = 1_000;
/** PostgreSQL closes the connection as soon as it has sent the signal. */
const DONE_MS = 2_000;
/** Each request costs a connection and a server process; a storm of them must not become one of those. */
const CONCURRENT = 32;
const WAITING_MAX = 1_000;

/** A server, and the key it knows the session by. */
export type Issuer = { readonly address: Address; readonly key: CancelKey };

export class Cancels {
  readonly #issuers = new Map<CancelKey, Issuer>();
  readonly #turnstile = new Turnstile(CONCURRENT);
  readonly #closed = new AbortController();
  #pending = 0;

  constructor() {
    setMaxListeners(0, this.#closed.signal);
  }

  /** `key` is the client's; what the issuer calls it may change with the issuer. Returns the way to forget it again. */
  remember(key: CancelKey, issuer: Issuer): () => void {
    this.#issuers.set(key, issuer);
    return () => {
      if (this.#issuers.get(key) === issuer) this.#issuers.delete(key);
    };
  }

  /**
   * Resolves when every server has been told or has had its time. It goes on when the client hangs up meanwhile: many do, right after they
   * have asked.
   */
  async forward(key: CancelKey, packet: Buffer, otherwise: readonly Address[]): Promise<void> {
    if (this.#pending >= WAITING_MAX) return;
    this.#pending += 1;
    const admitted = await this.#turnstile.enter(this.#closed.signal);
    if (admitted) {
      const issuer = this.#issuers.get(key);
      const { signal } = this.#closed;
      if (issuer !== undefined) await tell(issuer.address, encodeCancelRequest(issuer.key), signal);
      else await Promise.all(otherwise.map((address) => tell(address, packet, signal)));
      this.#turnstile.leave();
    }
    this.#pending -= 1;
  }

  close(): void {
    this.#closed.abort();
  }
}

async function tell(address: Address, packet: Buffer, closed: AbortSignal): Promise<void> {
  const dialled = await dial(address, CONNECT_MS, closed);
  if (dialled.kind === 'failed') return;
  const { socket } = dialled;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), DONE_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.end(packet);
  });
}
