/**
 * Watches what a client says after its login: where each of its messages ends, and the little of its text that a move to another server cannot
 * ask the old server for. Pure. It must never hold more than one message of its bytes, nor that for long, and never look into anything but the
 * text of a Query or Parse: what is copied into a table flows past.
 *
 * What the server cannot be asked for: the text of the unnamed statement; the names of the custom settings (`app.tenant`), which PostgreSQL
 * hides from pg_settings, though it tells the value of a name that is known; and whether anybody cares for lastval.
 */
import { textTraits } from './client-text.ts';
import { interestIn, MessageWalk } from './message-walk.ts';
import { FROM_CLIENT } from './message-types.ts';

/** Longest Parse message that is kept to be repeated. */
export const MAX_UNNAMED_BYTES = 65_536;
/** How far into a text anybody looks. */
export const MAX_LOOK_BYTES = 16_384;
const MAX_NAMES = 64;
const HEADER_BYTES = 5;
/** A session keeps room of this size between messages; what is longer is let go. */
const KEPT_ROOM_BYTES = 1_024;

/** One table for all sessions. */
const ALL_TYPES = interestIn({ noted: Array.from({ length: 256 }, (_none, type) => type) });
const STATEMENT = 0x53; // 'S'
const NO_ROOM = new Uint8Array();

/** The unnamed statement: none, the Parse message that made it, or one too long to keep. */
export type UnnamedParse =
  | { readonly kind: 'none' }
  | { readonly kind: 'parse'; readonly message: Uint8Array }
  | { readonly kind: 'too-long' };

const NONE: UnnamedParse = { kind: 'none' };
const TOO_LONG: UnnamedParse = { kind: 'too-long' };

export class ClientWatch {
  readonly #walk = new MessageWalk(ALL_TYPES);
  /** The unfinished message, if it is one that will be looked at. */
  #room: Uint8Array = NO_ROOM;
  #kept = 0;
  /** Type of the unfinished message, -1 between messages. */
  #begun = -1;
  #unnamed: UnnamedParse = NONE;
  readonly #names = new Set<string>();
  #namesOverflow = false;
  #asksSequences = false;

  /**
   * Walks `bytes` from `from`. Returns the index just behind the next message that ends there (see `type`): `bytes.subarray(from, index)` may
   * be forwarded, and the rest kept. -1: no message ends in the rest of the chunk.
   */
  feed(bytes: Uint8Array, from: number): number {
    if (from >= bytes.length) return -1;
    if (this.#begun < 0) this.#begun = bytes[from] ?? 0;
    const isLookedAt = this.#begun === FROM_CLIENT.query || this.#begun === FROM_CLIENT.parse || this.#begun === FROM_CLIENT.close;
    const at = this.#walk.feed(bytes, from);
    if (at < 0) {
      if (isLookedAt) this.#keep(bytes.subarray(from));
      return -1;
    }
    if (isLookedAt) {
      if (this.#kept === 0) {
        this.#look(bytes.subarray(from, at));
      } else {
        this.#keep(bytes.subarray(from, at));
        this.#look(this.#room.subarray(0, Math.min(this.#kept, this.#room.length)));
      }
    }
    this.#begun = -1;
    this.#kept = 0;
    if (this.#room.length > KEPT_ROOM_BYTES) this.#room = NO_ROOM;
    return at;
  }

  /** Type of the message that `feed` returned for. */
  get type(): number {
    return this.#walk.type;
  }

  /** Every message begun has ended. */
  get atBoundary(): boolean {
    return this.#walk.atBoundary;
  }

  get unnamed(): UnnamedParse {
    return this.#unnamed;
  }

  /** Names of custom settings that the session may have set, in lower case, as latin1. */
  get settingNames(): readonly string[] {
    return [...this.#names];
  }

  /** There were more of them than are kept. */
  get namesOverflow(): boolean {
    return this.#namesOverflow;
  }

  /** `lastval(` or `currval(` occurred: to this client it matters that a session remembers the sequences that it has used. */
  get asksSequences(): boolean {
    return this.#asksSequences;
  }

  #keep(bytes: Uint8Array): void {
    const most = HEADER_BYTES + MAX_UNNAMED_BYTES;
    const end = Math.min(this.#kept + bytes.length, most);
    if (end > this.#room.length) {
      const grown = new Uint8Array(Math.min(Math.max(KEPT_ROOM_BYTES, 2 * end), most));
      grown.set(this.#room.subarray(0, Math.min(this.#kept, this.#room.length)));
      this.#room = grown;
    }
    if (this.#kept < most) this.#room.set(bytes.subarray(0, end - this.#kept), this.#kept);
    // Beyond the most it is only known that there was more.
    this.#kept = Math.min(this.#kept + bytes.length, most + 1);
  }

  /** `message` with its header; possibly only the beginning of a long one. */
  #look(message: Uint8Array): void {
    switch (this.#walk.type) {
      case FROM_CLIENT.query:
        // The server forgets the unnamed statement whenever a Query comes.
        this.#unnamed = NONE;
        this.#read(message.subarray(HEADER_BYTES));
        return;
      case FROM_CLIENT.parse: {
        const body = message.subarray(HEADER_BYTES);
        const nameEnd = body.indexOf(0);
        if (nameEnd === 0) this.#unnamed = this.#isWhole(message) ? { kind: 'parse', message: message.slice() } : TOO_LONG;
        this.#read(body.subarray(nameEnd + 1));
        return;
      }
      case FROM_CLIENT.close:
        if (message.length === HEADER_BYTES + 2 && message[HEADER_BYTES] === STATEMENT) this.#unnamed = NONE;
    }
  }

  #isWhole(message: Uint8Array): boolean {
    return this.#kept <= HEADER_BYTES + MAX_UNNAMED_BYTES && message.length <= HEADER_BYTES + MAX_UNNAMED_BYTES;
  }

  #read(text: Uint8Array): void {
    const traits = textTraits(text.length > MAX_LOOK_BYTES ? text.subarray(0, MAX_LOOK_BYTES) : text);
    if (traits.asksSequences) this.#asksSequences = true;
    for (const name of traits.names) {
      if (this.#names.has(name)) continue;
      if (this.#names.size === MAX_NAMES) this.#namesOverflow = true;
      else this.#names.add(name);
    }
  }
}
