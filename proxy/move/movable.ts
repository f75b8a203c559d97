/**
 * A session as the mover sees it: what may be done to a live conversation, and nothing else of it. It must never let the client hear from two
 * servers: between `lendServer` and the next `giveBack` or `settle` nobody speaks to it.
 */
import type { Socket } from 'node:net';
import type { Cancels } from '../cancel.ts';
import type { Target } from '../core/route.ts';
import type { Address } from '../dial.ts';
import type { Backend } from '../login/backend-login.ts';
import type { Parking, Relay } from '../relay.ts';
import type { Routed, Router } from '../router.ts';
import { decodeBackendKey, type CancelKey } from '../wire/backend-key.ts';
import type { Passenger } from './passenger.ts';

export type MovableParts = {
  readonly session: Routed;
  readonly passenger: Passenger;
  readonly relay: Relay;
  readonly router: Router;
  readonly cancels: Cancels;
};

export class Movable {
  readonly passenger: Passenger;
  readonly #parts: MovableParts;
  readonly #gone = new AbortController();
  /** The key that the client was given by its first server. */
  #key: CancelKey | null = null;
  #forgetKey: (() => void) | null = null;

  constructor(parts: MovableParts) {
    this.#parts = parts;
    this.passenger = parts.passenger;
  }

  /** Aborted when the session is over. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Messages of the client that a server was given: the same number means the same state. */
  get forwardedCount(): number {
    return this.#parts.relay.forwardedCount;
  }

  /** Nothing is under way, and no transaction is open. */
  get isAtRest(): boolean {
    return this.#parts.relay.isAtRest;
  }

  /** Resolves when nothing is under way any more; from then on the client waits. */
  park(): Promise<Parking> {
    return this.#parts.relay.park();
  }

  /** Takes the wish back if it has not come true. */
  unpark(): void {
    this.#parts.relay.unpark();
  }

  /** The server of a parked session, paused and at rest. Null: it has left. */
  lendServer(): Socket | null {
    return this.#parts.relay.lendServer();
  }

  /** Goes on with the server that was lent; `ahead` is what it said meanwhile that is the client's. */
  giveBack(server: Socket, ahead: Buffer): void {
    if (!this.#parts.relay.adopt(server, ahead)) server.destroy();
  }

  /** The session depends on its server no more; nothing that happens to that server ends it. */
  letGo(): void {
    this.#parts.router.unbind(this.#parts.session);
  }

  /** Goes on with another server; `ahead` is said to the client first. False: the target is none any more, and the session is still parked. */
  settle({ bond, host, port }: Target, { socket, key }: Backend, ahead: Buffer): boolean {
    const { router, session, relay } = this.#parts;
    if (!router.bind(session, bond)) return false;
    if (this.#key !== null && key !== null) this.#remember(this.#key, { host, port }, key);
    if (relay.adopt(socket, ahead)) router.countMoved();
    else socket.destroy();
    return true;
  }

  depose(why: string): void {
    this.#parts.session.depose(why);
  }

  /** One key a session: the server sends it once, right before the first ReadyForQuery. */
  onBackendKey(body: Uint8Array, address: Address): void {
    if (this.#key !== null) return;
    this.#key = decodeBackendKey(body);
    if (this.#key !== null) this.#remember(this.#key, address, this.#key);
  }

  close(): void {
    this.#forgetKey?.();
    this.#gone.abort();
  }

  #remember(clients: CancelKey, address: Address, servers: CancelKey): void {
    this.#forgetKey?.();
    this.#forgetKey = this.#parts.cancels.remember(clients, { address, key: servers });
  }
}
