/**
 * Notes the moment at which the cluster is whole again, while the scenario goes on with whatever it does: a pause of the scenario must not count as a
 * delay of the cluster. A new blow forgets what was noted.
 */
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';

const POLL_MS = 100;
/** Agents tell what they knew a moment ago; so soon after a blow they may still tell of the time before. */
const STALE_MS = 250;

export class WholeWatch {
  readonly #isWhole: () => Promise<boolean>;
  #running: AbortController | null = null;
  #sinceMs = 0;
  #wholeAfterMs: number | null = null;

  constructor(isWhole: () => Promise<boolean>) {
    this.#isWhole = isWhole;
  }

  /** Null: not yet, or nobody watches. */
  get wholeAfterMs(): number | null {
    return this.#wholeAfterMs;
  }

  get isWatching(): boolean {
    return this.#running !== null;
  }

  /** `sinceMs`: when the cluster was left alone. */
  begin(sinceMs: number): void {
    this.forget();
    this.#sinceMs = sinceMs;
    const running = new AbortController();
    this.#running = running;
    void this.#watch(running.signal);
  }

  forget(): void {
    this.#running?.abort();
    this.#running = null;
    this.#wholeAfterMs = null;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    await sleep(STALE_MS, signal);
    while (!signal.aborted) {
      const askedMs = monotonicMs();
      const isWhole = await this.#isWhole().catch(() => false);
      if (signal.aborted) return;
      if (isWhole) {
        this.#wholeAfterMs = Math.max(0, Math.round(askedMs - this.#sinceMs));
        return;
      }
      await sleep(POLL_MS, signal);
    }
  }
}
