/**
 * A session as the mover sees it: what may be done to a live conversation, and nothing else of it. It must never let the client hear from two
 * servers: between `lendServer` and the next `giveBack` or `settle` nobody speaks to it.
 *
 * In between nobody may be sent its cancel requests either. The server that is left would take one for the audit, whose failure cuts the session;
 * the next one does not know what it would be for. So a request is remembered, and goes to the server that takes the session, right behind the
 * statement that the client has sent meanwhile. When it has sent none there is nothing to cancel, and its next statement must not pay for it.
 */
import type { Socket } from 'node:net';
import type { Cancels, Issuer } from '../cancel.ts';
import type { Target } from '../core/route.ts';
import type { Address } from '../dial.ts';
import type { Backend } from '../login/backend-login.ts';
import type { Parking, Relay } from '../relay.ts';
import type { Routed, Router } from '../router.ts';
import { decodeBackendKey, type CancelKey } from '../wire/backend-key.ts';
import type { Passenger } from './passenger.ts';

/** One for all: the one that Node would make takes a picture of the stack each time, and a session ends once a login. */
const OVER = new Error('the session is over');

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
  /** Null: nobody has asked yet, and but for a move nobody will. */
  #gone: AbortController | null = null;
  #isOver = false;
  /** The key that the client was given by its first server. */
  #key: CancelKey | null = null;
  /** Who knows the session by which key now. */
  #issuer: Issuer | null = null;
  #forgetKey: (() => void) | null = null;
  #isCancelAsked = false;

  constructor(parts: MovableParts) {
    this.#parts = parts;
    this.passenger = parts.passenger;
  }

  /** Aborted when the session is over. */
  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#isOver) this.#gone.abort(OVER);
    return this.#gone.signal;
  }

  /** Messages of the client that a server was given: the same number means the same state. */
  get forwardedCount(): number {
    return this.#parts.relay.forwardedCount;
  }

  /** WAL is streamed. Its server ends it when it stops, after the last byte; a place elsewhere would be of no use to it. */
  get isStream(): boolean {
    return this.#parts.relay.isStream;
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
    const { relay } = this.#parts;
    const server = relay.lendServer();
    const onCancel = (): void => {
      this.#isCancelAsked = true;
      // What it is to cancel may still lie unread in the socket.
      relay.hearParked();
    };
    if (server !== null) this.#remember({ kind: 'between', onCancel });
    return server;
  }

  /** Goes on with the server that was lent; `ahead` is what it said meanwhile that is the client's. */
  giveBack(server: Socket, ahead: Buffer): void {
    this.#goOnWith(server, ahead);
  }

  /** The session depends on its server no more; nothing that happens to that server ends it. */
  letGo(): void {
    this.#parts.router.unbind(this.#parts.session);
  }

  /** Goes on with another server; `ahead` is said to the client first. False: the target is none any more, and the session is still parked. */
  settle({ bond, host, port }: Target, { socket, key }: Backend, ahead: Buffer): boolean {
    const { router, session } = this.#parts;
    if (!router.bind(session, bond)) return false;
    this.#issuer = key === null ? null : { kind: 'server', address: { host, port }, key };
    if (this.#goOnWith(socket, ahead)) router.countMoved();
    return true;
  }

  depose(why: string): void {
    this.#parts.session.depose(why);
  }

  /** One key a session: the server sends it once, right before the first ReadyForQuery. */
  onBackendKey(body: Uint8Array, address: Address): void {
    if (this.#key !== null) return;
    this.#key = decodeBackendKey(body);
    if (this.#key === null) return;
    this.#issuer = { kind: 'server', address, key: this.#key };
    this.#remember(this.#issuer);
  }

  close(): void {
    this.#forgetKey?.();
    this.passenger.learner.forget();
    this.#isOver = true;
    this.#gone?.abort(OVER);
  }

  /** False: the client has left. */
  #goOnWith(server: Socket, ahead: Buffer): boolean {
    const { relay, cancels } = this.#parts;
    this.#remember(this.#issuer);
    const isForStatement = this.#isCancelAsked && relay.hasKept;
    this.#isCancelAsked = false;
    const isTaken = relay.adopt(server, ahead);
    if (!isTaken) server.destroy();
    else if (isForStatement && this.#key !== null) void cancels.heed(this.#key);
    return isTaken;
  }

  #remember(issuer: Issuer | null): void {
    this.#forgetKey?.();
    this.#forgetKey = issuer === null || this.#key === null ? null : this.#parts.cancels.remember(this.#key, issuer);
  }
}
