/**
 * Knows where one server message ends and the next begins while the bytes flow past: five header bytes a message, the body is skipped.
 * Pure. It must never copy or allocate for an ordinary message: a result set of tiny rows is one loop turn a row, and nothing else.
 *
 * Two kinds are the exception. `feed` stops behind a *noted* message, so that somebody can keep count of the conversation; a *watched* one is copied
 * as well, so that a session can learn its cancel key or a notice that matters.
 */
const HEADER_BYTES = 5;
/** The length word counts itself. */
const LENGTH_BYTES = 4;
/** PostgreSQL's own limit of one message. */
const MAX_MESSAGE_BYTES = 0x4000_0000;
/** The longest body that is copied; a longer one flows past unseen. */
export const MAX_CAPTURED_BYTES = 2_048;

const NOTHING = new Uint8Array();
const NOTED = 1;
const WATCHED = 2;

/** What walks are to stop behind: message types as character codes. A type that is noted and watched is watched. */
export function interestIn({
  noted = [],
  watched = [],
}: {
  readonly noted?: readonly number[];
  readonly watched?: readonly number[];
}): Uint8Array {
  const interest = new Uint8Array(256);
  for (const type of noted) interest[type] = NOTED;
  for (const type of watched) interest[type] = WATCHED;
  return interest;
}

export class MessageWalk {
  /** By type: what is done about it. */
  readonly #interest: Uint8Array;
  #headerSeen = 0;
  #type = 0;
  /** Negative: the body has not begun. */
  #firstByte = -1;
  #length = 0;
  #bodyLeft = 0;
  #broken = false;
  /** Empty: nothing is captured. Ten thousand idle sessions must not keep what they heard last. */
  #captured: Uint8Array = NOTHING;
  #capturedBytes = 0;
  #capturing = false;

  /** From `interestIn`; any number of walks may share one. */
  constructor(interest: Uint8Array) {
    this.#interest = interest;
  }

  /**
   * Walks `bytes` from `from`. Returns the index just behind a noted or watched message that ended there (see `type`, `firstByte` and `body`; call
   * again with that index), or -1 when everything was walked.
   */
  feed(bytes: Uint8Array, from: number): number {
    const end = bytes.length;
    let at = from;
    while (at < end && !this.#broken) {
      if (this.#bodyLeft > 0) {
        const next = Math.min(at + this.#bodyLeft, end);
        if (this.#firstByte < 0) this.#firstByte = bytes[at] ?? 0;
        if (this.#capturing) this.#capture(bytes, at, next);
        this.#bodyLeft -= next - at;
        at = next;
        if (this.#bodyLeft === 0 && (this.#capturing || this.#interest[this.#type] === NOTED)) return at;
      } else if (this.#headerSeen === 0 && end - at >= HEADER_BYTES) {
        this.#type = bytes[at] ?? 0;
        this.#length =
          (((bytes[at + 1] ?? 0) << 24) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0)) >>> 0;
        at += HEADER_BYTES;
        this.#enterBody();
        if (this.#isNotedAndEmpty()) return at;
      } else {
        this.#headerByte(bytes[at] ?? 0);
        at += 1;
        if (this.#isNotedAndEmpty()) return at;
      }
    }
    return -1;
  }

  /** Every message begun has been walked to its end: another message may be put here. */
  get atBoundary(): boolean {
    return this.#headerSeen === 0 && this.#bodyLeft === 0 && !this.#broken;
  }

  /** Type of the message walked last. */
  get type(): number {
    return this.#type;
  }

  /** First byte of its body; 0: the body is empty. */
  get firstByte(): number {
    return Math.max(this.#firstByte, 0);
  }

  /** True: the message that `feed` returned for was watched, and `body` is its body. */
  get isWatched(): boolean {
    return this.#capturing;
  }

  /** Body of the watched message that `feed` returned for; valid until the next `feed`. */
  get body(): Uint8Array {
    return this.#captured;
  }

  /** A message without a body ended with its header just now, and somebody counts it. */
  #isNotedAndEmpty(): boolean {
    return this.#bodyLeft === 0 && this.#headerSeen === 0 && !this.#broken && this.#interest[this.#type] === NOTED;
  }

  /** A header that arrives in pieces. */
  #headerByte(byte: number): void {
    if (this.#headerSeen === 0) {
      this.#type = byte;
      this.#length = 0;
    } else {
      this.#length = ((this.#length << 8) | byte) >>> 0;
    }
    this.#headerSeen += 1;
    if (this.#headerSeen === HEADER_BYTES) this.#enterBody();
  }

  #enterBody(): void {
    this.#headerSeen = 0;
    if (this.#length < LENGTH_BYTES || this.#length > MAX_MESSAGE_BYTES) {
      // Not the protocol we know. The bytes still belong to the two ends; we only stop pretending to know a boundary.
      this.#broken = true;
      return;
    }
    this.#bodyLeft = this.#length - LENGTH_BYTES;
    this.#firstByte = -1;
    this.#capturing = this.#bodyLeft > 0 && this.#bodyLeft <= MAX_CAPTURED_BYTES && this.#interest[this.#type] === WATCHED;
    this.#capturedBytes = 0;
    this.#captured = NOTHING;
  }

  #capture(bytes: Uint8Array, from: number, end: number): void {
    if (this.#captured.length === 0) this.#captured = new Uint8Array(this.#length - LENGTH_BYTES);
    this.#captured.set(bytes.subarray(from, end), this.#capturedBytes);
    this.#capturedBytes += end - from;
  }
}
