/**
 * Knows where one server message ends and the next begins while the bytes flow past: five header bytes a message, the body is skipped.
 * Pure. It must never copy or allocate for an ordinary message: a result set of tiny rows is one loop turn a row, and nothing else.
 *
 * Messages of a watched type are the exception: they are copied, so that a session can learn its cancel key or a notice that matters.
 */
const HEADER_BYTES = 5;
/** The length word counts itself. */
const LENGTH_BYTES = 4;
/** PostgreSQL's own limit of one message. */
const MAX_MESSAGE_BYTES = 0x4000_0000;
/** The longest body that is copied; a longer one flows past unseen. */
export const MAX_CAPTURED_BYTES = 2_048;

export class MessageWalk {
  readonly #watched: Uint8Array;
  #headerSeen = 0;
  #type = 0;
  #length = 0;
  #bodyLeft = 0;
  #broken = false;
  #captured: Uint8Array | null = null;
  #capturedBytes = 0;
  #capturing = false;

  /** `watched`: message types as character codes. */
  constructor(watched: readonly number[]) {
    this.#watched = Uint8Array.from(watched);
  }

  /**
   * Walks `bytes` from `from`. Returns the index just behind a watched message that ended there (see `type` and `body`; call again with that
   * index), or -1 when everything was walked.
   */
  feed(bytes: Uint8Array, from: number): number {
    const end = bytes.length;
    let at = from;
    while (at < end && !this.#broken) {
      if (this.#bodyLeft > 0) {
        const next = Math.min(at + this.#bodyLeft, end);
        if (this.#capturing) this.#capture(bytes, at, next);
        this.#bodyLeft -= next - at;
        at = next;
        if (this.#bodyLeft === 0 && this.#capturing) {
          this.#capturing = false;
          return at;
        }
      } else if (this.#headerSeen === 0 && end - at >= HEADER_BYTES) {
        this.#type = bytes[at] ?? 0;
        this.#length =
          (((bytes[at + 1] ?? 0) << 24) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0)) >>> 0;
        at += HEADER_BYTES;
        this.#enterBody();
      } else {
        this.#headerByte(bytes[at] ?? 0);
        at += 1;
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

  /** Body of the watched message that `feed` returned for; valid until the next `feed`. */
  get body(): Uint8Array {
    return this.#captured?.subarray(0, this.#capturedBytes) ?? new Uint8Array();
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
    this.#capturing = this.#bodyLeft > 0 && this.#bodyLeft <= MAX_CAPTURED_BYTES && this.#watched.includes(this.#type);
    this.#capturedBytes = 0;
  }

  #capture(bytes: Uint8Array, from: number, end: number): void {
    this.#captured ??= new Uint8Array(MAX_CAPTURED_BYTES);
    this.#captured.set(bytes.subarray(from, end), this.#capturedBytes);
    this.#capturedBytes += end - from;
  }
}
