/**
 * The line of message groups that wait for their end: how many answers each owes before it, and what ends it. Pure. It must stay small however
 * many requests a client sends ahead: equal neighbours are one run, and where the runs are too many it says so instead of growing.
 */
export const GROUP = {
  /** Ends in ReadyForQuery, and its own messages are skipped up to a Sync when something before it fails. */
  request: 1,
  /** Ends in ReadyForQuery whatever happens. */
  sync: 2,
  /** CopyDone or CopyFail: ends nothing but the data of a COPY. */
  copyEnd: 3,
} as const;

export type GroupKind = (typeof GROUP)[keyof typeof GROUP];

/** Room for as many runs at first: 64 bytes, and few sessions ever need more. Powers of two. */
const FIRST_RUNS = 16;
const MAX_RUNS = 128;
const NO_ROOM = new Uint32Array();
/** Kind and owed answers share a word. */
const KIND_BITS = 2;
const MAX_OWED = 2 ** (32 - KIND_BITS) - 1;

export class GroupQueue {
  /** A ring; made when the first group comes, and larger when there are more runs than ever before. */
  #words: Uint32Array = NO_ROOM;
  #counts: Uint32Array = NO_ROOM;
  #first = 0;
  #runs = 0;
  #owed = 0;
  #readies = 0;

  get isEmpty(): boolean {
    return this.#runs === 0;
  }

  /** ReadyForQuery messages that the line will be answered with. */
  get readies(): number {
    return this.#readies;
  }

  /** Answers that the head owes before its end. */
  get owed(): number {
    return this.#owed;
  }

  get kind(): number {
    return this.#kindOf(0);
  }

  /** Something behind the head answers with more than ReadyForQuery. */
  get speaksBehindHead(): boolean {
    for (let run = 0; run < this.#runs; run += 1) {
      if (run === 0 && this.#counts[this.#first] === 1) continue;
      if (this.#owedOf(run) > 0 || this.#kindOf(run) === GROUP.request) return true;
    }
    return false;
  }

  /** False: there is no room. Its ReadyForQuery is counted nevertheless. */
  push(owed: number, kind: GroupKind): boolean {
    if (kind !== GROUP.copyEnd) this.#readies += 1;
    if (owed > MAX_OWED) return false;
    const word = ((owed << KIND_BITS) | kind) >>> 0;
    if (this.#runs > 0) {
      const counts = this.#counts;
      const last = this.#placeOf(this.#runs - 1);
      if (this.#words[last] === word && (counts[last] ?? 0) < 0xffff_ffff) {
        counts[last] = (counts[last] ?? 0) + 1;
        return true;
      }
    }
    // One place is kept for `putBackRequest`.
    if (this.#runs >= MAX_RUNS - 1) return false;
    if (this.#runs >= this.#words.length - 1) this.#grow();
    const at = this.#placeOf(this.#runs);
    this.#words[at] = word;
    this.#counts[at] = 1;
    this.#runs += 1;
    if (this.#runs === 1) this.#owed = owed;
    return true;
  }

  answerOne(): void {
    this.#owed -= 1;
    this.#passCopyEnds();
  }

  oweOneMore(): void {
    this.#owed += 1;
  }

  /** Removes the head, and the ends of data behind it that no COPY waits for. */
  shift(): void {
    this.drop();
    this.#passCopyEnds();
  }

  /** Removes the head alone. */
  drop(): void {
    if (this.kind !== GROUP.copyEnd) this.#readies -= 1;
    const counts = this.#counts;
    if (counts.length === 0) return;
    const left = (counts[this.#first] ?? 1) - 1;
    counts[this.#first] = left;
    if (left === 0) {
      this.#first = this.#placeOf(1);
      this.#runs -= 1;
    }
    this.#owed = this.#runs === 0 ? 0 : this.#owedOf(0);
  }

  /** Puts a request that owes nothing before its end to the head, from which it was dropped. */
  putBackRequest(): void {
    if (this.#words.length === 0) return;
    this.#first = this.#placeOf(-1);
    this.#words[this.#first] = GROUP.request;
    this.#counts[this.#first] = 1;
    this.#runs += 1;
    this.#readies += 1;
    this.#owed = 0;
  }

  /** Something of the head failed: what the server skips is removed. False: no Sync is in the line. */
  skipToSync(): boolean {
    while (this.#runs > 0) {
      if (this.kind === GROUP.sync) {
        this.#owed = 0;
        return true;
      }
      this.drop();
    }
    return false;
  }

  clear(): void {
    this.#runs = 0;
    this.#owed = 0;
    this.#readies = 0;
  }

  #passCopyEnds(): void {
    while (this.#runs > 0 && this.#owed === 0 && this.kind === GROUP.copyEnd) this.drop();
  }

  #kindOf(run: number): number {
    return this.#wordOf(run) & ((1 << KIND_BITS) - 1);
  }

  #owedOf(run: number): number {
    return this.#wordOf(run) >>> KIND_BITS;
  }

  #wordOf(run: number): number {
    return run < this.#runs ? (this.#words[this.#placeOf(run)] ?? 0) : 0;
  }

  /** Where in the ring a run is, counted from the head. */
  #placeOf(run: number): number {
    return (this.#first + run) & (this.#words.length - 1);
  }

  #grow(): void {
    const size = Math.max(FIRST_RUNS, 2 * this.#words.length);
    const words = new Uint32Array(size);
    const counts = new Uint32Array(size);
    for (let run = 0; run < this.#runs; run += 1) {
      const from = this.#placeOf(run);
      words[run] = this.#words[from] ?? 0;
      counts[run] = this.#counts[from] ?? 0;
    }
    this.#words = words;
    this.#counts = counts;
    this.#first = 0;
  }
}
