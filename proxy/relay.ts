/**
 * The byte pump of one session: owns both sockets, moves bytes in both directions and knows where the server's messages end. It must never
 * change a byte, never hold more than one chunk a direction (a slow reader stops the reading of the other side), and never put a message of
 * its own into the middle of the server's.
 */
import type { Socket } from 'node:net';
import type { MessageWalk } from './core/message-walk.ts';

/** What to do about a watched message: let everything pass, or end the session right behind it with this error. */
export type WatchVerdict = { readonly kind: 'pass' } | { readonly kind: 'end-with'; readonly error: Buffer };

export const PASS: WatchVerdict = { kind: 'pass' };

export type RelayOptions = {
  readonly client: Socket;
  readonly server: Socket;
  /** Null: the stream is opaque (TLS), and a cut can only break it off. */
  readonly walk: MessageWalk | null;
  readonly onWatched: (type: number, body: Uint8Array) => WatchVerdict;
  /** Both sockets are closed. Called once. */
  readonly onClosed: () => void;
};

/** How long a client may take to read what the server said last, after the server has gone. */
const LAST_WORDS_MS = 60_000;
/** How long a client that is cut may take to read the error. */
const CUT_LINGER_MS = 1_000;

export class Relay {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #walk: MessageWalk | null;
  readonly #onWatched: RelayOptions['onWatched'];
  readonly #onClosed: () => void;
  #openSockets = 2;
  #cut = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(options: RelayOptions) {
    this.#client = options.client;
    this.#server = options.server;
    this.#walk = options.walk;
    this.#onWatched = options.onWatched;
    this.#onClosed = options.onClosed;
  }

  /** `fromServer` and `fromClient` were read before the relay existed; they go first. */
  start(fromServer: Buffer, fromClient: Buffer): void {
    const client = this.#client;
    const server = this.#server;
    client.on('data', this.#onClientData).on('drain', this.#onClientDrain).on('end', this.#onClientEnd).on('close', this.#onClientClose);
    server.on('data', this.#onServerData).on('drain', this.#onServerDrain).on('end', this.#onServerEnd).on('close', this.#onServerClose);
    if (fromClient.length > 0) server.write(fromClient);
    if (fromServer.length > 0) this.#onServerData(fromServer);
    // These may have happened between the first words and now; their events are gone.
    if (client.closed) this.#onClientClose(true);
    else if (client.readableEnded) this.#onClientEnd();
    if (server.closed) this.#onServerClose(!server.readableEnded);
    else if (server.readableEnded) this.#onServerEnd();
    if (!server.writableNeedDrain) client.resume();
    if (!client.writableNeedDrain) server.resume();
  }

  /** Ends the session now: with `error` where the protocol has room for it, by breaking the connection otherwise. */
  cut(error: Buffer): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#server.resetAndDestroy();
    if (this.#walk?.atBoundary === true && this.#client.writable) {
      this.#client.end(error);
      this.#lingerFor(CUT_LINGER_MS);
      // What it still sends is nobody's; unread it would turn our close into a reset, which can swallow the error.
      this.#client.resume();
    } else {
      this.#client.resetAndDestroy();
    }
  }

  readonly #onServerData = (chunk: Buffer): void => {
    if (this.#cut) return;
    if (this.#walk !== null && !this.#walkOver(this.#walk, chunk)) return;
    if (!this.#client.write(chunk)) this.#server.pause();
  };

  /** False: a watched message ended the session, and what may pass of the chunk has passed. */
  #walkOver(walk: MessageWalk, chunk: Buffer): boolean {
    for (let at = walk.feed(chunk, 0); at >= 0; at = walk.feed(chunk, at)) {
      const verdict = this.#onWatched(walk.type, walk.body);
      if (verdict.kind === 'end-with') {
        this.#client.write(chunk.subarray(0, at));
        this.cut(verdict.error);
        return false;
      }
    }
    return true;
  }

  readonly #onClientData = (chunk: Buffer): void => {
    if (this.#cut) return;
    if (!this.#server.write(chunk)) this.#client.pause();
  };

  readonly #onClientDrain = (): void => {
    this.#server.resume();
  };

  readonly #onServerDrain = (): void => {
    this.#client.resume();
  };

  /** The client has said everything; the answer to its last request is still to come. */
  readonly #onClientEnd = (): void => {
    if (this.#server.writable) this.#server.end();
  };

  readonly #onServerEnd = (): void => {
    if (this.#client.writable) this.#client.end();
    this.#lingerFor(LAST_WORDS_MS);
  };

  readonly #onClientClose = (broken: boolean): void => {
    if (broken) this.#server.resetAndDestroy();
    this.#closedOne();
  };

  readonly #onServerClose = (broken: boolean): void => {
    if (broken && !this.#cut) this.#passBreakOn();
    this.#closedOne();
  };

  /**
   * A reset discards what the peer has not read yet. Between two messages that would swallow a FATAL that explains everything, and a tidy end
   * says as much; inside a message a tidy end would be a lie.
   */
  #passBreakOn(): void {
    // It has been told to end already, and may still be reading the last words.
    if (this.#client.writableEnded) return;
    if (this.#walk?.atBoundary === true && this.#client.writable) {
      this.#client.end();
      this.#lingerFor(CUT_LINGER_MS);
    } else {
      this.#client.resetAndDestroy();
    }
  }

  #lingerFor(ms: number): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      this.#client.resetAndDestroy();
      this.#server.resetAndDestroy();
    }, ms);
  }

  #closedOne(): void {
    this.#openSockets -= 1;
    if (this.#openSockets > 0) return;
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#onClosed();
  }
}
