/**
 * Write-ahead log as a list of records. A record is one object, shared by every node that holds it: two nodes have the same content up to a place
 * exactly when they have the same object there. Positions are bytes, as in PostgreSQL, so that a half-received record has a place too.
 */
import { lsn, type Lsn } from '../../shared/domain/lsn.ts';
import { timelineId, type TimelineHistory } from '../../shared/domain/timeline.ts';
import type { WalExtent, WalPosition } from '../../shared/domain/wal-position.ts';

export type WalRecord = {
  readonly timeline: number;
  readonly start: number;
  readonly end: number;
  /** The record before it, wherever that was written; null for the first of all. */
  readonly previous: WalRecord | null;
  /** The client's operation; 0: PostgreSQL's own. */
  readonly operation: number;
};

export type Ancestor = { readonly timeline: number; readonly end: number };

export const FIRST_BYTE = 0x100_0028;

export function toLsn(bytes: number): Lsn {
  return lsn(BigInt(bytes));
}

export class Wal {
  readonly records: WalRecord[];
  #ancestors: readonly Ancestor[];
  #timeline: number;
  #bytes: number;
  #history: TimelineHistory | null = null;

  constructor(timeline: number, ancestors: readonly Ancestor[] = [], records: readonly WalRecord[] = [], bytes = FIRST_BYTE) {
    this.#timeline = timeline;
    this.#ancestors = ancestors;
    this.records = [...records];
    this.#bytes = bytes;
  }

  get timeline(): number {
    return this.#timeline;
  }

  get ancestors(): readonly Ancestor[] {
    return this.#ancestors;
  }

  /** End of the last complete record. */
  get end(): number {
    return this.records.at(-1)?.end ?? FIRST_BYTE;
  }

  /** Last byte there; beyond `end` when half a record has arrived. */
  get bytes(): number {
    return Math.max(this.#bytes, this.end);
  }

  get last(): WalRecord | null {
    return this.records.at(-1) ?? null;
  }

  write(operation: number, size: number): WalRecord {
    const record = { timeline: this.#timeline, start: this.end, end: this.end + size, previous: this.last, operation };
    this.records.push(record);
    this.#bytes = record.end;
    return record;
  }

  /** Leaves the present timeline at the end of the last complete record. */
  fork(timeline: number): void {
    this.#ancestors = [...this.#ancestors, { timeline: this.#timeline, end: this.end }];
    this.#timeline = timeline;
    this.#bytes = this.end;
    this.#history = null;
  }

  /** From another node, in order. False: it does not fit what is here. */
  receive(record: WalRecord): boolean {
    if (record.start !== this.end) return false;
    if (record.timeline !== this.#timeline) {
      if (record.timeline < this.#timeline) return false;
      this.fork(record.timeline);
    }
    this.records.push(record);
    this.#bytes = record.end;
    return true;
  }

  /** The first bytes of a record that is not complete yet. */
  receiveHalf(record: WalRecord): void {
    if (record.start === this.end) this.#bytes = Math.max(this.#bytes, Math.floor((record.start + record.end) / 2));
  }

  /** Everything behind the end of the record that ends at or before `bytes` is gone, and the timelines that began there. */
  cutAt(bytes: number): void {
    while (this.records.length > 0 && this.end > bytes) this.records.pop();
    this.#bytes = this.end;
    const kept = this.#ancestors.filter((ancestor) => ancestor.end < this.end);
    const next = this.#ancestors[kept.length];
    if (next === undefined) return;
    this.#ancestors = kept;
    this.#timeline = next.timeline;
    this.#history = null;
  }

  /** Bytes that were never completed do not survive a restart. */
  dropHalf(): void {
    this.#bytes = this.end;
  }

  copy(): Wal {
    return new Wal(this.#timeline, this.#ancestors, this.records, this.#bytes);
  }

  has(record: WalRecord): boolean {
    let low = 0;
    let high = this.records.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.records[middle];
      if (found === undefined) return false;
      if (found === record) return true;
      if (found.start === record.start) return false;
      if (found.start < record.start) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  /** Index of the first record that ends after `bytes`. */
  indexAfter(bytes: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.records[middle]?.end ?? 0) > bytes) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  history(): TimelineHistory {
    this.#history ??= {
      timeline: timelineId(this.#timeline),
      ancestors: this.#ancestors.map(({ timeline, end }) => ({ timeline: timelineId(timeline), end: toLsn(end) })),
    };
    return this.#history;
  }

  /** As the adapter tells it: a node owns no byte of a timeline whose fork it has not passed. */
  historyAt(bytes: number): TimelineHistory {
    const last = this.#ancestors.at(-1);
    if (last === undefined || bytes > last.end) return this.history();
    const at = this.#ancestors.findIndex((ancestor) => bytes <= ancestor.end);
    const own = this.#ancestors[at];
    if (own === undefined) return this.history();
    return {
      timeline: timelineId(own.timeline),
      ancestors: this.#ancestors.slice(0, at).map(({ timeline, end }) => ({ timeline: timelineId(timeline), end: toLsn(end) })),
    };
  }

  extentAt(bytes: number): WalExtent {
    return { history: this.historyAt(bytes), lsn: toLsn(bytes) };
  }

  positionAt(bytes: number): WalPosition {
    return { timeline: this.historyAt(bytes).timeline, lsn: toLsn(bytes) };
  }
}
