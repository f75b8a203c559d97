/**
 * The byte pump of one session: owns both sockets, moves bytes in both directions and knows where messages end. It must never change a byte,
 * never hold more than one chunk a direction (a slow reader stops the reading of the other side), and never put a message of its own into the
 * middle of the server's.
 *
 * For a planned move it can be *parked*: it stops feeding the server between two messages, waits until the server has answered everything, and
 * lets go of it. Then it goes on with the same server or with another one, and the client has noticed a pause.
 */
import type { Socket } from 'node:net';
import type { Boundary } from './core/boundary.ts';
import type { ClientWatch } from './core/client-watch.ts';
import { FROM_CLIENT, FROM_SERVER } from './core/message-types.ts';
import type { MessageWalk } from './core/message-walk.ts';
import { DirectSocket, type Reader } from './direct-socket.ts';

/** What to do about a watched message: let everything pass, or end the session right behind it with this error. */
export type WatchVerdict = { readonly kind: 'pass' } | { readonly kind: 'end-with'; readonly error: Buffer };

export const PASS: WatchVerdict = { kind: 'pass' };

/** What is understood of the conversation. */
export type Flow = {
  /** The server's messages. */ readonly walk: MessageWalk;
  /** The client's. */ readonly watch: ClientWatch;
  /** Whether the server has answered everything. */ readonly boundary: Boundary;
};

export type RelayOptions = {
  readonly client: Socket;
  readonly server: Socket;
  /** Null: the stream is opaque (TLS passed through); a cut can only break it off, and it cannot be parked. */
  readonly flow: Flow | null;
  readonly onWatched: (type: number, body: Uint8Array) => WatchVerdict;
  /** What the client says before it is logged in; null: nobody wants to know. */
  readonly onLogin: ((chunk: Buffer) => void) | null;
  /** Both sockets are closed. Called once. */
  readonly onClosed: () => void;
};

/** `stays`: somebody else took the wish back, or it can never come true. `ended`: the session did. */
export type Parking = 'parked' | 'stays' | 'ended';

/** How long a client may take to read what the server said last, after the server has gone. */
const LAST_WORDS_MS = 60_000;
/** How long a client that is cut may take to read the error. */
const CUT_LINGER_MS = 1_000;

export class Relay {
  readonly #client: Socket;
  readonly #flow: Flow | null;
  readonly #onWatched: RelayOptions['onWatched'];
  readonly #onClosed: () => void;
  /** Null: lent to whoever parked it, or not there any more. */
  #server: Socket | null;
  #onLogin: RelayOptions['onLogin'];
  #mode: 'riding' | 'parking' | 'parked' = 'riding';
  #onParked: ((outcome: Parking) => void) | null = null;
  /** Sent by the client, and not given to a server yet. */
  #kept: Buffer | null = null;
  #hasClientEnded = false;
  #isClientClosed = false;
  #isCut = false;
  #isOver = false;
  #forwarded = 0;
  #linger: NodeJS.Timeout | null = null;

  constructor(options: RelayOptions) {
    this.#client = options.client;
    this.#server = options.server;
    this.#flow = options.flow;
    this.#onWatched = options.onWatched;
    this.#onLogin = options.onLogin;
    this.#onClosed = options.onClosed;
  }

  /** `fromServer` and `fromClient` were read before the relay existed; they go first. */
  start(fromServer: Buffer, fromClient: Buffer): void {
    const client = this.#client;
    client.on('drain', this.#onClientDrain).on('end', this.#onClientEnd).on('close', this.#onClientClose);
    if (fromClient.length > 0) this.#onClientData(fromClient);
    if (fromServer.length > 0) this.#onServerData(fromServer);
    listen(client, this.#fromClient);
    this.#listenToServer();
    // These may have happened between the first words and now; their events are gone.
    if (client.closed) this.#onClientClose(true);
    else if (client.readableEnded) this.#onClientEnd();
    const server = this.#server;
    if (server?.closed === true) this.#onServerClose(!server.readableEnded);
    else if (server?.readableEnded === true) this.#onServerEnd();
    this.#resumeBoth();
  }

  /** Messages of the client that a server was given. */
  get forwardedCount(): number {
    return this.#forwarded;
  }

  /** WAL is streamed: the session never comes to rest. */
  get isStream(): boolean {
    return this.#flow?.boundary.isReplication === true;
  }

  /** The server has answered everything, and no transaction is open. */
  get isAtRest(): boolean {
    const flow = this.#flow;
    return flow !== null && flow.boundary.at === 'boundary' && flow.watch.atBoundary && flow.walk.atBoundary && this.#kept === null;
  }

  /** Resolves when nothing is under way any more; from then on the client waits. One wish at a time. */
  park(): Promise<Parking> {
    if (this.#flow === null || this.#isOver || this.#isCut || this.#server === null) return Promise.resolve('ended');
    if (this.#mode !== 'riding') return Promise.resolve('stays');
    this.#mode = 'parking';
    return new Promise((resolve) => {
      this.#onParked = resolve;
      this.#considerParked();
    });
  }

  /** Takes back a wish that has not come true yet. */
  unpark(): void {
    if (this.#mode !== 'parking') return;
    this.#mode = 'riding';
    this.#settleParking('stays');
    this.#release();
  }

  /** The client has said something that no server was given yet. */
  get hasKept(): boolean {
    return this.#kept !== null;
  }

  /** Reads what a parked client has sent, as much as may be kept. */
  hearParked(): void {
    if (this.#mode === 'parked' && this.#kept === null && !this.#isCut) this.#client.resume();
  }

  /** The server of a parked session, for whoever parked it; he closes it or gives it back. */
  lendServer(): Socket | null {
    const server = this.#server;
    if (this.#mode !== 'parked' || server === null) return null;
    unlisten(server, this.#fromServer);
    server.off('drain', this.#onServerDrain).off('end', this.#onServerEnd).off('close', this.#onServerClose);
    this.#server = null;
    return server;
  }

  /** Goes on with this server, which has nothing under way. `ahead` is whole messages for the client, before anything else. False: the client has left. */
  adopt(server: Socket, ahead: Buffer): boolean {
    if (this.#isOver || this.#isCut || this.#isClientClosed) return false;
    this.#server = server;
    this.#mode = 'riding';
    if (server.closed) {
      this.#onServerClose(true);
      return true;
    }
    if (ahead.length > 0) this.#client.write(ahead);
    this.#listenToServer();
    this.#release();
    return true;
  }

  /** Ends the session now: with `error` where the protocol has room for it, by breaking the connection otherwise. */
  cut(error: Buffer): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#server?.resetAndDestroy();
    this.#settleParking('ended');
    if (this.#flow?.walk.atBoundary === true && this.#client.writable) {
      this.#client.end(error);
      this.#lingerFor(CUT_LINGER_MS);
      // What it still sends is nobody's; unread it would turn our close into a reset, which can swallow the error.
      this.#client.resume();
    } else {
      this.#client.resetAndDestroy();
    }
  }

  readonly #fromServer: Reader = {
    read: (chunk) => {
      this.#onServerData(chunk);
    },
    hasFlushed: () => this.#client.writableLength === 0,
    expectsMore: () => {
      const walk = this.#flow?.walk;
      return walk?.atBoundary !== true || walk.type !== FROM_SERVER.readyForQuery;
    },
  };

  readonly #fromClient: Reader = {
    read: (chunk) => {
      this.#onClientData(chunk);
    },
    hasFlushed: () => this.#kept === null && (this.#server === null || this.#server.writableLength === 0),
    expectsMore: () => {
      const watch = this.#flow?.watch;
      return watch?.atBoundary !== true || watch.type === FROM_CLIENT.copyData;
    },
  };

  #listenToServer(): void {
    const server = this.#server;
    if (server === null) return;
    listen(server, this.#fromServer);
    server.on('drain', this.#onServerDrain).on('end', this.#onServerEnd).on('close', this.#onServerClose);
  }

  #onServerData(chunk: Buffer): void {
    if (this.#isCut) return;
    if (this.#flow !== null && !this.#walkOver(this.#flow, chunk)) return;
    if (isFull(this.#client, chunk)) this.#server?.pause();
    if (this.#mode === 'parking') this.#considerParked();
  }

  /** False: a watched message ended the session, and what may pass of the chunk has passed. */
  #walkOver({ walk, boundary }: Flow, chunk: Buffer): boolean {
    for (let at = walk.feed(chunk, 0); at >= 0; at = walk.feed(chunk, at)) {
      boundary.server(walk.type, walk.firstByte);
      if (!walk.isWatched) continue;
      const verdict = this.#onWatched(walk.type, walk.body);
      if (verdict.kind === 'end-with') {
        this.#client.write(chunk.subarray(0, at));
        this.cut(verdict.error);
        return false;
      }
    }
    return true;
  }

  #onClientData(chunk: Buffer): void {
    if (this.#isCut) return;
    if (this.#mode === 'riding') {
      this.#forward(chunk);
      return;
    }
    this.#kept = chunk;
    this.#client.pause();
    if (this.#mode === 'parking') this.#considerParked();
  }

  #forward(chunk: Buffer): void {
    const flow = this.#flow;
    this.#onLogin?.(chunk);
    if (flow !== null) {
      const { watch, boundary } = flow;
      for (let at = watch.feed(chunk, 0); at >= 0; at = watch.feed(chunk, at)) {
        boundary.client(watch.type);
        this.#forwarded += 1;
      }
    }
    if (this.#server !== null && isFull(this.#server, chunk)) this.#client.pause();
  }

  /** Gives the server what it must still get before it can come to rest, and sees whether it has. */
  #considerParked(): void {
    const flow = this.#flow;
    if (flow === null) return;
    if (this.isStream) {
      // Waited for, it would make every other client wait for as long as parking may take.
      this.unpark();
      return;
    }
    if (this.#kept !== null) this.#forwardWhileParking(flow, this.#kept);
    if (flow.boundary.at !== 'boundary' || !flow.watch.atBoundary || !flow.walk.atBoundary) return;
    this.#mode = 'parked';
    this.#client.pause();
    this.#server?.pause();
    this.#settleParking('parked');
  }

  #forwardWhileParking({ watch, boundary }: Flow, kept: Buffer): void {
    let at = 0;
    while (at < kept.length && (!watch.atBoundary || boundary.mayForwardWhileParking(kept[at] ?? 0))) {
      const end = watch.feed(kept, at);
      if (end < 0) {
        at = kept.length;
        break;
      }
      boundary.client(watch.type);
      this.#forwarded += 1;
      at = end;
    }
    if (at === 0) return;
    const given = kept.subarray(0, at);
    // A client that is logging in when everybody is to be parked has to be understood, too: it is about to be moved.
    this.#onLogin?.(given);
    const hasRoom = this.#server === null || !isFull(this.#server, given);
    this.#kept = at < kept.length ? kept.subarray(at) : null;
    if (this.#kept === null && hasRoom) this.#client.resume();
    if (this.#kept === null) this.#passEndOn();
  }

  #settleParking(outcome: Parking): void {
    const tell = this.#onParked;
    this.#onParked = null;
    tell?.(outcome);
  }

  /** Riding again: what was kept goes first. */
  #release(): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) this.#forward(kept);
    this.#passEndOn();
    this.#resumeBoth();
  }

  #resumeBoth(): void {
    if (this.#isCut) return;
    if (this.#server?.writableNeedDrain === false && this.#mode !== 'parked') this.#client.resume();
    if (!this.#client.writableNeedDrain) this.#server?.resume();
  }

  readonly #onClientDrain = (): void => {
    if (this.#mode !== 'parked') this.#server?.resume();
  };

  readonly #onServerDrain = (): void => {
    if (this.#kept === null && this.#mode !== 'parked') this.#client.resume();
  };

  /** The client has said everything; the answer to its last request is still to come. */
  readonly #onClientEnd = (): void => {
    this.#hasClientEnded = true;
    this.#passEndOn();
  };

  #passEndOn(): void {
    if (this.#hasClientEnded && this.#kept === null && this.#server?.writable === true) this.#server.end();
  }

  readonly #onServerEnd = (): void => {
    if (this.#client.writable) this.#client.end();
    this.#lingerFor(LAST_WORDS_MS);
  };

  readonly #onClientClose = (broken: boolean): void => {
    if (broken) this.#server?.resetAndDestroy();
    this.#isClientClosed = true;
    this.#settleParking('ended');
    this.#considerOver();
  };

  readonly #onServerClose = (broken: boolean): void => {
    this.#server = null;
    if (broken && !this.#isCut) this.#passBreakOn();
    this.#settleParking('ended');
    this.#considerOver();
  };

  /**
   * A reset discards what the peer has not read yet. Between two messages that would swallow a FATAL that explains everything, and a tidy end
   * says as much; inside a message a tidy end would be a lie.
   */
  #passBreakOn(): void {
    // It has been told to end already, and may still be reading the last words.
    if (this.#client.writableEnded) return;
    if (this.#flow?.walk.atBoundary === true && this.#client.writable) {
      this.#client.end();
      this.#lingerFor(CUT_LINGER_MS);
      this.#client.resume();
    } else {
      this.#client.resetAndDestroy();
    }
  }

  #lingerFor(ms: number): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      this.#client.resetAndDestroy();
      this.#server?.resetAndDestroy();
    }, ms);
  }

  #considerOver(): void {
    if (!this.#isClientClosed || this.#server !== null || this.#isOver) return;
    this.#isOver = true;
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#onClosed();
  }
}

/** TLS sockets cannot be read directly. */
function listen(socket: Socket, reader: Reader): void {
  if (socket instanceof DirectSocket) socket.readDirectly(reader);
  else socket.on('data', reader.read);
}

function unlisten(socket: Socket, reader: Reader): void {
  if (socket instanceof DirectSocket) socket.stopReadingDirectly();
  else socket.off('data', reader.read);
}

/**
 * Writes; true when the socket holds on to some of it. A chunk that is larger than its mark makes `write` say "wait" although the kernel has taken all of
 * it, and waiting then costs a bulk transfer a pause and a resume a chunk.
 */
function isFull(socket: Socket, chunk: Buffer): boolean {
  return !socket.write(chunk) && socket.writableLength > 0;
}
