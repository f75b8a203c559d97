/**
 * How a primary decides that a commit may return (PostgreSQL's syncrep.c, as far as it can hurt): every walsender has its own copy of the setting and
 * re-reads it late, whoever gets a reply releases by *its* copy, and whether anybody waits at all is a flag that only the checkpointer changes.
 */
import { expectedPriority } from '../../agent/postgres/sync-names.ts';
import { makesCommitsWait } from '../../agent/postgres/settings.ts';
import type { SyncSetting } from '../../agent/postgres/port.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';

/** One walsender as commits see it. */
export type Acknowledger = {
  readonly member: MemberId;
  /** Its own copy of the setting. */
  copy: SyncSetting;
  /** What its standby has said to have flushed. */
  flushed: number;
};

export type Waiter = { readonly end: number; readonly release: () => void };

export type SyncRepOptions = {
  readonly owner: Process;
  readonly random: Random;
  readonly weather: {
    /** A checkpoint keeps the checkpointer from its settings. */
    readonly checkpointerBusyShare: number;
    readonly rereadMs: number;
  };
};

export class SyncRep {
  readonly #options: SyncRepOptions;
  readonly #acknowledgers: Acknowledger[] = [];
  #waiting: Waiter[] = [];
  #file: SyncSetting;
  #doesWait: boolean;

  constructor(setting: SyncSetting, options: SyncRepOptions) {
    this.#file = setting;
    this.#doesWait = makesCommitsWait(setting);
    this.#options = options;
  }

  /** What a fresh connection shows. */
  get setting(): SyncSetting {
    return this.#file;
  }

  get doesWait(): boolean {
    return this.#doesWait;
  }

  get acknowledgers(): readonly Acknowledger[] {
    return this.#acknowledgers;
  }

  /** Every value that may decide an acknowledgement now: a walsender whose own copy does not count it releases nobody. */
  possible(): readonly SyncSetting[] {
    const copies = this.#acknowledgers.filter(({ copy, member }) => expectedPriority(copy, member) > 0).map(({ copy }) => copy);
    return [this.#file, ...copies, ...(this.#doesWait ? [] : [{ kind: 'no-wait' } as const])];
  }

  write(setting: SyncSetting): void {
    const { owner, random, weather } = this.#options;
    this.#file = setting;
    for (const acknowledger of this.#acknowledgers) {
      owner.after(random.skewed(0.2, weather.rereadMs), () => {
        if (this.#file === setting) acknowledger.copy = setting;
      });
    }
    const waits = makesCommitsWait(setting);
    if (waits === this.#doesWait) return;
    const delayMs = random.chance(weather.checkpointerBusyShare) ? random.between(50, 1_500) : random.between(0.5, 10);
    owner.after(delayMs, () => {
      if (this.#file === setting) this.#setWaits(waits);
    });
  }

  join(acknowledger: Acknowledger): void {
    this.#acknowledgers.push(acknowledger);
  }

  leave(acknowledger: Acknowledger): void {
    const at = this.#acknowledgers.indexOf(acknowledger);
    if (at !== -1) this.#acknowledgers.splice(at, 1);
  }

  /** A flushed commit record. */
  commit(waiter: Waiter): void {
    if (this.#doesWait) this.#waiting.push(waiter);
    else waiter.release();
  }

  onReply(acknowledger: Acknowledger, flushed: number): void {
    acknowledger.flushed = Math.max(acknowledger.flushed, flushed);
    const upTo = this.#releasedBy(acknowledger);
    if (upTo === null) return;
    const released = this.#waiting.filter(({ end }) => end <= upTo);
    if (released.length === 0) return;
    this.#waiting = this.#waiting.filter(({ end }) => end > upTo);
    for (const { release } of released) release();
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  #setWaits(waits: boolean): void {
    this.#doesWait = waits;
    if (waits) return;
    // Leaving a list for the empty one releases everybody, as success.
    const released = this.#waiting;
    this.#waiting = [];
    for (const { release } of released) release();
  }

  /** Up to where the walsender that has just had a reply may release; null: it may not. */
  #releasedBy({ copy, member }: Acknowledger): number | null {
    if ((copy.kind !== 'any' && copy.kind !== 'first') || expectedPriority(copy, member) === 0) return null;
    const candidates = this.#acknowledgers.filter((one) => expectedPriority(one.copy, one.member) > 0);
    const { k } = copy.set;
    if (candidates.length < k) return null;
    if (copy.kind === 'any') return candidates.map(({ flushed }) => flushed).toSorted((a, b) => b - a)[k - 1] ?? null;
    const first = candidates.toSorted((a, b) => expectedPriority(a.copy, a.member) - expectedPriority(b.copy, b.member)).slice(0, k);
    return first.some((one) => one.member === member) ? Math.min(...first.map(({ flushed }) => flushed)) : null;
  }
}
