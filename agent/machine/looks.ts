/**
 * When to look at the local server. Looks do not overlap; what a look finds is dated by the instant it was asked for. It must never look while a job
 * turns the data directory inside out: it would see nonsense.
 */
import type { Look } from './asks.ts';
import type { Outbox } from './outbox.ts';

const LOOK_DEADLINE_MS = 1_000;

export class Looks {
  readonly #outbox: Outbox;
  readonly #onLook: (look: Look, askedAtMs: number) => void;
  readonly #isBlind: () => boolean;
  #askedAtMs: number | null = null;
  #lastAskedAtMs = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];

  constructor(outbox: Outbox, isBlind: () => boolean, onLook: (look: Look, askedAtMs: number) => void) {
    this.#outbox = outbox;
    this.#isBlind = isBlind;
    this.#onLook = onLook;
  }

  /** Looks again when the last look is `pauseMs` old. */
  run(pauseMs: number): void {
    if (this.#askedAtMs === null && (this.#waiting.length > 0 || this.#outbox.reached(this.#lastAskedAtMs + pauseMs))) this.#look();
  }

  /** `onLooked` runs after a look that began at or after this call; at once while nothing could be seen. */
  again(onLooked: () => void): void {
    if (this.#isBlind()) {
      onLooked();
      return;
    }
    this.#waiting.push(onLooked);
    if (this.#askedAtMs === null) this.#look();
  }

  #look(): void {
    if (this.#isBlind()) return;
    const askedAtMs = this.#outbox.nowMs;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#askedAtMs = askedAtMs;
    this.#lastAskedAtMs = askedAtMs;
    this.#outbox.ask<'look'>({ kind: 'look', deadlineMs: LOOK_DEADLINE_MS }, (look) => {
      this.#askedAtMs = null;
      this.#onLook(look, askedAtMs);
      for (const onLooked of waiting) onLooked();
      if (this.#waiting.length > 0) this.#look();
    });
  }
}
