/**
 * Collects the first bytes of a client until they are one whole request. Bounded: whatever a client sends, no more is kept than one startup
 * packet and the little that may follow it before a server is there.
 */
import { parseOpening, type Opening } from '../core/startup-parse.ts';

/** What a client may send ahead while it waits for a server: a TLS hello, a password. */
export const MAX_WAITING_BYTES = 65_536;

const FIRST_BYTES = 512;

export class OpeningBuffer {
  /** Grows by doubling: a client that sends byte by byte must not make us copy everything with each of them. */
  #room: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;

  /** False: the client sent more than anybody may send ahead. */
  add(chunk: Buffer): boolean {
    const length = this.length + chunk.length;
    if (length > MAX_WAITING_BYTES) return false;
    if (this.#to + chunk.length > this.#room.length) {
      // A session keeps its startup packet, and the room with it; mostly that comes alone and in one piece.
      const room = Buffer.alloc(this.#room.length === 0 ? length : Math.max(FIRST_BYTES, 2 * length));
      this.#room.copy(room, 0, this.#from, this.#to);
      this.#room = room;
      this.#to = this.length;
      this.#from = 0;
    }
    chunk.copy(this.#room, this.#to);
    this.#to += chunk.length;
    return true;
  }

  get length(): number {
    return this.#to - this.#from;
  }

  parse(): Opening {
    return parseOpening(this.#room.subarray(this.#from, this.#to));
  }

  /** Removes and returns the first `length` bytes. They are never written over: what comes later comes behind them, or into other room. */
  take(length: number): Buffer {
    const end = Math.min(this.#from + length, this.#to);
    const taken = this.#room.subarray(this.#from, end);
    this.#from = end;
    return taken;
  }

  takeAll(): Buffer {
    return this.take(this.length);
  }
}
