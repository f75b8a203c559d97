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

const MAX_RUNS = 128;
/** Kind and owed answers share a word. */
const KIND_BITS = 2;
const MAX_OWED = 2 ** (32 - KIND_BITS) - 1;

export class GroupQueue {
  /** A ring; made when the first group comes. */
  #words: Uint32Array | null = null;
  #counts: Uint32Array | null = null;
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
      if (run === 0 && this.#counts?.[this.#first] === 1) continue;
      if (this.#owedOf(run) > 0 || this.#kindOf(run) === GROUP.request) return true;
    }
    return false;
  }

  /** False: there is no room. Its ReadyForQuery is counted nevertheless. */
  push(owed: number, kind: GroupKind): boolean {
    if (kind !== GROUP.copyEnd) this.#readies += 1;
    if (owed > MAX_OWED) return false;
    const word = ((owed << KIND_BITS) | kind) >>> 0;
    const words = (this.#words ??= new Uint32Array(MAX_RUNS));
    const counts = (this.#counts ??= new Uint32Array(MAX_RUNS));
    const last = (this.#first + this.#runs + MAX_RUNS - 1) % MAX_RUNS;
    if (this.#runs > 0 && words[last] === word && (counts[last] ?? 0) < 0xffff_ffff) {
      counts[last] = (counts[last] ?? 0) + 1;
      return true;
    }
    // One place is kept for `putBackRequest`.
    if (this.#runs >= MAX_RUNS - 1) return false;
    const at = (this.#first + this.#runs) % MAX_RUNS;
    words[at] = word;
    counts[at] = 1;
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
    if (counts === null) return;
    const left = (counts[this.#first] ?? 1) - 1;
    counts[this.#first] = left;
    if (left === 0) {
      this.#first = (this.#first + 1) % MAX_RUNS;
      this.#runs -= 1;
    }
    this.#owed = this.#runs === 0 ? 0 : this.#owedOf(0);
  }

  /** Puts a request that owes nothing before its end to the head, from which it was dropped. */
  putBackRequest(): void {
    if (this.#words === null || this.#counts === null) return;
    this.#first = (this.#first + MAX_RUNS - 1) % MAX_RUNS;
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
    return run < this.#runs ? (this.#words?.[(this.#first + run) % MAX_RUNS] ?? 0) : 0;
  }
}
