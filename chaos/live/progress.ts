/** One line on stderr for everything that happens, and how long the rest will take, by what the trials so far have taken. */
import { monotonicMs } from '../../shared/runtime/clock.ts';

/** So much is believed of the expectations before anything has been measured. */
const PRIOR_SECONDS = 60;

/** `work`: so much is to be done, however long it takes. `clock`: it ends at a time. */
export type Plan = { readonly kind: 'work' | 'clock'; readonly seconds: number };

export class Progress {
  readonly #plan: Plan;
  readonly #startedMs = monotonicMs();
  #expectedDone = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  begin(title: string): void {
    this.line(`${title} … ${timeLeft(this.#secondsLeft())} left`);
  }

  /** A trial that had been expected to take so long is over. */
  done(expectedSeconds: number): void {
    this.#expectedDone += expectedSeconds;
  }

  line(text: string): void {
    process.stderr.write(`${((monotonicMs() - this.#startedMs) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  }

  /** Expectations are corrected by how they have turned out so far. */
  #secondsLeft(): number {
    const passed = (monotonicMs() - this.#startedMs) / 1_000;
    const { kind, seconds } = this.#plan;
    if (kind === 'clock') return Math.max(0, seconds - passed);
    const pace = (passed + PRIOR_SECONDS) / (this.#expectedDone + PRIOR_SECONDS);
    return Math.max(0, (seconds - this.#expectedDone) * pace);
  }
}

/** Pure. */
export function timeLeft(seconds: number): string {
  if (seconds < 90) return `about ${String(Math.max(1, Math.round(seconds)))} s`;
  return `about ${String(Math.round(seconds / 60))} min`;
}
