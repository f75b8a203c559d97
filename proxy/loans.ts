/**
 * Buffers for the sockets through which a bulk stream flows at the moment. Bounded: ten thousand sessions whose clients stop reading in the middle of a
 * result must not keep a buffer each. It must never give a buffer to two sockets, and so it takes none back of which something waits to be written.
 */
import { Buffer } from 'node:buffer';

/** As much as Node reads at once. */
const LOAN_BYTES = 65_536;
/** 16 MB. Of further streams at the same moment each chunk is copied. */
export const LOANS_MAX = 256;
/** What is kept for the next streams. */
const FREE_MAX = 16;

export class Loans {
  readonly #free: Buffer[] = [];
  #out = 0;

  /** Null: enough of them are out. */
  take(): Buffer | null {
    if (this.#out >= LOANS_MAX) return null;
    this.#out += 1;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LOAN_BYTES);
  }

  takeBack(buffer: Buffer): void {
    this.#out -= 1;
    if (this.#free.length < FREE_MAX) this.#free.push(buffer);
  }

  /** A loan that will not come back: the write that still needs it holds on to it. */
  writeOff(): void {
    this.#out -= 1;
  }
}

/** One for the process: its bound is one of memory. */
export const loans = new Loans();
