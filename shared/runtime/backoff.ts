/**
 * Growing pauses between attempts. Bounded, so that a long outage does not turn into a long silence after it, and jittered, so that
 * many clients of one server do not come back in the same millisecond.
 */
import { assert } from '../assert.ts';
import type { Random } from './random.ts';

export type BackoffOptions = { readonly baseMs: number; readonly maxMs: number; readonly random: Random };

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    assert(options.baseMs > 0 && options.maxMs >= options.baseMs, '0 < baseMs <= maxMs');
    this.#options = options;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and says how long to wait before the next attempt. */
  nextDelayMs(): number {
    const delayMs = backoffDelayMs(this.#failures, this.#options);
    this.#failures += 1;
    return delayMs;
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** Half of the doubled-and-bounded pause is certain, the other half is chance: never zero, never beyond `maxMs`. */
export function backoffDelayMs(failuresBefore: number, { baseMs, maxMs, random }: BackoffOptions): number {
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(failuresBefore, 30));
  return ceilingMs / 2 + (random() * ceilingMs) / 2;
}
