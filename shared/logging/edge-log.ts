/**
 * Edges, not ticks. A loop that runs several times a second sees the same trouble again and again; the log shows when it began, when it turned
 * into another trouble and when it ended, with how often it was seen. The memory is bounded: the oldest condition is closed for a new one.
 */
import type { LogLevel } from '../config/sections.ts';

export type EdgeLevel = Exclude<LogLevel, 'silent'>;

/** The part of a logger that is needed here. */
export type EdgeSink = { readonly [Level in EdgeLevel]: (fields: Record<string, unknown>, message: string) => void };

export type EdgeLogOptions = { readonly log: EdgeSink; readonly now: () => number; readonly conditionsMax?: number };

export type EdgeReport = {
  /** What the condition is about, such as `etcd` or `peer/pg2`. */
  readonly key: string;
  /** What is the case. A different text under the same key is a change, so keep counters and times out of it and in `fields`. */
  readonly message: string;
  readonly fields?: Record<string, unknown>;
  readonly level?: EdgeLevel;
};

type Condition = { readonly message: string; readonly level: EdgeLevel; readonly sinceMs: number; seen: number };

export class EdgeLog {
  readonly #log: EdgeSink;
  readonly #now: () => number;
  readonly #conditionsMax: number;
  /** In the order in which they began. */
  readonly #conditions = new Map<string, Condition>();

  constructor({ log, now, conditionsMax = 200 }: EdgeLogOptions) {
    this.#log = log;
    this.#now = now;
    this.#conditionsMax = conditionsMax;
  }

  /** The condition is the case. Logged only when it was not, or when it was another one. */
  report({ key, message, fields = {}, level = 'warn' }: EdgeReport): void {
    const present = this.#conditions.get(key);
    if (present?.message === message) {
      present.seen += 1;
      return;
    }
    const before = present === undefined ? {} : { before: { message: present.message, ...this.#summaryOf(present) } };
    this.#conditions.delete(key);
    this.#makeRoom();
    this.#conditions.set(key, { message, level, sinceMs: this.#now(), seen: 1 });
    this.#log[level]({ ...fields, condition: key, ...before }, message);
  }

  /** The condition is no longer the case. Does nothing when it was not. */
  clear(key: string, message?: string, fields: Record<string, unknown> = {}): void {
    const present = this.#conditions.get(key);
    if (present === undefined) return;
    this.#conditions.delete(key);
    this.#log.info({ ...fields, condition: key, ...this.#summaryOf(present) }, message ?? `over: ${present.message}`);
  }

  isActive(key: string): boolean {
    return this.#conditions.has(key);
  }

  /** At the end of a process: tells what is still the case, so that no count is lost. */
  close(): void {
    for (const [key, condition] of this.#conditions)
      this.#log.info({ condition: key, ...this.#summaryOf(condition) }, `at the end still: ${condition.message}`);
    this.#conditions.clear();
  }

  #makeRoom(): void {
    if (this.#conditions.size < this.#conditionsMax) return;
    const [oldest] = this.#conditions;
    if (oldest === undefined) return;
    const [key, condition] = oldest;
    this.#conditions.delete(key);
    this.#log[condition.level]({ condition: key, ...this.#summaryOf(condition) }, `no longer counted: ${condition.message}`);
  }

  #summaryOf({ seen, sinceMs }: Condition): { readonly seen: number; readonly lastedMs: number } {
    return { seen, lastedMs: Math.round(this.#now() - sinceMs) };
  }
}
