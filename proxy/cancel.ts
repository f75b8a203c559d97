/**
 * Cancel requests: remembers which server issued a client's key, and carries the request there. A key of unknown origin (TLS hides it, or
 * another proxy saw it) goes to every server: only the one that issued it heeds it. A session that was moved has another key at its new server;
 * its client still has the first, which means something to nobody but the proxy that moved it: so the other proxies are asked, too. The client
 * is never answered; it waits for the end. It must never signal a session twice for one request: the second signal would meet the client's next
 * statement.
 */
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { encodeCancelRequest, type CancelKey } from './wire/backend-key.ts';
import { dial, type Address } from './dial.ts';
import { secure, type ServerTls } from './server-tls.ts';
import { Turnstile } from './turnstile.ts';

const CONNECT_MS = 1_000;
/** PostgreSQL closes the connection as soon as it has sent the signal. */
const DONE_MS = 2_000;
/** Each request costs a connection and a server process; a storm of them must not become one of those. */
const CONCURRENT = 32;
const WAITING_MAX = 1_000;

export type Issuer =
  /** A server, and the key it knows the session by. */
  | { readonly kind: 'server'; readonly address: Address; readonly key: CancelKey }
  /** The session is on its way between two servers, and whoever brings it there is told. */
  | { readonly kind: 'between'; readonly onCancel: () => void };

export interface OtherProxies {
  /** Resolves when the other proxies of the cluster have answered or have had their time. */
  ask(key: CancelKey, signal: AbortSignal): Promise<void>;
  close(): void;
}

export class Cancels {
  readonly #issuers = new Map<CancelKey, Issuer>();
  readonly #turnstile = new Turnstile(CONCURRENT);
  readonly #closed = new AbortController();
  readonly #others: OtherProxies;
  readonly #serverTls: ServerTls;
  #pending = 0;

  constructor(others: OtherProxies, serverTls: ServerTls) {
    this.#others = others;
    this.#serverTls = serverTls;
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
    await this.#inTurn(async (signal) => {
      const issuer = this.#issuers.get(key);
      if (issuer !== undefined) await this.#heed(issuer, signal);
      else
        await Promise.all([
          ...otherwise.map((address) => tell(address, packet, { tls: this.#serverTls, closed: signal })),
          this.#others.ask(key, signal),
        ]);
    });
  }

  /**
   * For another proxy, which has sent the key to every server itself: only a session that those do not know by this key is left to us. What we
   * do not know goes nowhere. True: it was ours.
   */
  async heedFromOther(key: CancelKey): Promise<boolean> {
    const known = this.#issuers.get(key);
    if (known === undefined || (known.kind === 'server' && known.key === key)) return false;
    await this.heed(key);
    return true;
  }

  /** To whoever has the session now; nobody else is told. */
  async heed(key: CancelKey): Promise<void> {
    await this.#inTurn(async (signal) => {
      const issuer = this.#issuers.get(key);
      if (issuer !== undefined) await this.#heed(issuer, signal);
    });
  }

  async #inTurn(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#pending >= WAITING_MAX) return;
    this.#pending += 1;
    const { signal } = this.#closed;
    if (await this.#turnstile.enter(signal)) {
      await work(signal);
      this.#turnstile.leave();
    }
    this.#pending -= 1;
  }

  async #heed(issuer: Issuer, closed: AbortSignal): Promise<void> {
    if (issuer.kind === 'server') await tell(issuer.address, encodeCancelRequest(issuer.key), { tls: this.#serverTls, closed });
    else issuer.onCancel();
  }

  close(): void {
    this.#closed.abort();
    this.#others.close();
  }
}

async function tell(
  address: Address,
  packet: Buffer,
  { closed, tls }: { readonly tls: ServerTls; readonly closed: AbortSignal },
): Promise<void> {
  const dialled = await dial(address, CONNECT_MS, closed);
  if (dialled.kind === 'failed') return;
  let socket: Socket = dialled.socket;
  if (tls !== 'off') {
    const secured = await secure(socket, address, { tls, budgetMs: CONNECT_MS, signal: closed });
    if (secured.kind === 'failed') return;
    socket = secured.socket;
  }
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
