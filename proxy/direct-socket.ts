/**
 * A TCP socket that is read into memory which is used again. Of an ordinary socket, Node makes a buffer of 64 kB for every read and gives most of it back at
 * once; for an answer of a hundred bytes nothing else that a relay does costs as much.
 *
 * Nobody has to know: without a reader it is a socket like any other, with 'data' events whose chunks are the listener's own. A reader is given each
 * chunk without the way through a stream's queue.
 *
 * There are two kinds of memory. The *commons* belong to all sockets, and what lands there is copied out before anybody sees it: short answers
 * and ten thousand idle sessions need no more. A *loan* is a buffer that one socket has to itself while a bulk stream flows; its chunks are views, and
 * nothing is copied. It must never be read into while a write of such a view has not left the process: the client would get other rows than the
 * server sent. So the next read goes into the loan only if the reader has flushed everything at that moment, and into the commons otherwise.
 */
import { Buffer } from 'node:buffer';
import { Socket, type ConnectOpts, type SocketConstructorOpts } from 'node:net';
import { loans } from './loans.ts';

export type Reader = {
  /** `chunk` may be written to a socket, and must be held on to by nothing else when `hasFlushed` says true. */
  readonly read: (chunk: Buffer) => void;
  /** No part of any chunk waits to be written. */
  readonly hasFlushed: () => boolean;
  /** The stream is in the middle of something. Who cannot tell says true. */
  readonly expectsMore: () => boolean;
};

/** What Node's constructor takes, of which its types know only a part. */
export type DirectSocketOptions = SocketConstructorOpts & {
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
  /** An open connection, see accepted.ts. */
  readonly handle?: unknown;
  readonly manualStart?: boolean;
};

/** As much as Node reads at once. */
const COMMONS_BYTES = 65_536;
/**
 * A read of this size begins a bulk stream, and one of less ends it: a copy of less is cut from a pool that Node keeps, and one of more would be an
 * allocation of its own.
 */
const BULK_BYTES = 4_096;

const commons = Buffer.allocUnsafeSlow(COMMONS_BYTES);
const commonsMemory = commons.buffer;

export class DirectSocket extends Socket {
  #reader: Reader | null = null;
  #loan: Buffer | null = null;
  /** What is read into next. */
  #target: Buffer = commons;
  #lastBytes = 0;

  constructor(options: DirectSocketOptions) {
    // Node asks for the first buffer before this object is complete.
    const door: { socket: DirectSocket | null } = { socket: null };
    const onread: ConnectOpts['onread'] = {
      buffer: () => (door.socket === null ? commons : door.socket.#nextTarget()),
      callback: (bytes) => door.socket === null || door.socket.#onBytes(bytes),
    };
    const all: DirectSocketOptions & ConnectOpts = { ...options, onread };
    super(all);
    door.socket = this;
  }

  /** From now on `reader` is given every chunk, like a listener for 'data' that has come instead of all others. */
  readDirectly(reader: Reader): void {
    this.stopReadingDirectly();
    this.#reader = reader;
    // For what goes through the stream's queue after all, see #onBytes.
    this.on('data', reader.read);
  }

  /** Chunks are for other listeners again. */
  stopReadingDirectly(): void {
    // Views of a loan that is not read into next may wait for years; another reader could not know of them.
    if (this.#target === commons) this.#endLoan();
    if (this.#reader !== null) this.off('data', this.#reader.read);
    this.#reader = null;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    super._destroy(error, callback);
    this.#endLoan();
  }

  /** False: nothing more for now. */
  #onBytes(bytes: number): boolean {
    const reader = this.#reader;
    const target = this.#target;
    this.#lastBytes = bytes;
    // Node may read once more although the socket was paused, and what waits in the queue comes first: as with every other socket.
    if (reader === null || this.readableFlowing === false || this.readableLength > 0) {
      return this.push(target === commons ? copyFromCommons(bytes) : Buffer.from(target.subarray(0, bytes)));
    }
    reader.read(target === commons ? copyFromCommons(bytes) : target.subarray(0, bytes));
    return true;
  }

  #nextTarget(): Buffer {
    if (this.#lastBytes < BULK_BYTES && this.#loan === null) return commons;
    const reader = this.#reader;
    if (reader === null || this.#lastBytes < BULK_BYTES || !reader.expectsMore() || this.destroyed) {
      this.#endLoan();
    } else {
      this.#loan ??= loans.take();
      this.#target = this.#loan !== null && reader.hasFlushed() ? this.#loan : commons;
    }
    return this.#target;
  }

  #endLoan(): void {
    this.#target = commons;
    if (this.#loan === null) return;
    if (this.#reader?.hasFlushed() === true) loans.takeBack(this.#loan);
    else loans.writeOff();
    this.#loan = null;
  }
}

function copyFromCommons(bytes: number): Buffer {
  const copy = Buffer.allocUnsafe(bytes);
  copy.set(new Uint8Array(commonsMemory, 0, bytes));
  return copy;
}
