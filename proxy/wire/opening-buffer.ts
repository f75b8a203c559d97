/**
 * Collects the first bytes of a client until they are one whole request. Bounded: whatever a client sends, no more is kept than one startup
 * packet and the little that may follow it before a server is there.
 */
import { parseOpening, type Opening } from '../core/startup-parse.ts';

/** What a client may send ahead while it waits for a server: a TLS hello, a password. */
export const MAX_WAITING_BYTES = 65_536;

export class OpeningBuffer {
  #bytes: Buffer = Buffer.alloc(0);

  /** False: the client sent more than anybody may send ahead. */
  add(chunk: Buffer): boolean {
    if (this.#bytes.length + chunk.length > MAX_WAITING_BYTES) return false;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    return true;
  }

  get length(): number {
    return this.#bytes.length;
  }

  parse(): Opening {
    return parseOpening(this.#bytes);
  }

  /** Removes and returns the first `length` bytes. */
  take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  takeAll(): Buffer {
    return this.take(this.#bytes.length);
  }
}
