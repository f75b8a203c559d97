/**
 * Clients that end together: first nobody begins anew, then nobody waits any more for what is on its way. It knows nothing of what they do. It must
 * never swallow that one of them ended by a defect.
 */
import { setMaxListeners } from 'node:events';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Endings } from '../ledger/writer.ts';

/** How long attempts on their way may take when the trial is over. */
const GRACE_MS = 3_000;

export type Member = (endings: Endings) => Promise<void>;

export class Crew {
  readonly #stop = new AbortController();
  readonly #abandon = new AbortController();
  #work: Promise<unknown> = Promise.resolve();

  start(members: readonly Member[]): void {
    const endings = { stop: this.#stop.signal, abandon: this.#abandon.signal };
    // Every client waits on both; Node warns of the eleventh listener as if it were a leak.
    for (const signal of Object.values(endings)) setMaxListeners(3 * members.length, signal);
    this.#work = Promise.all(members.map(async (member) => member(endings)));
    // Looked at in stop(); until then it must not count as unhandled.
    this.#work.catch(() => undefined);
  }

  /** What is still on its way after the grace is given up. Rejects when a client ended by a defect. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const settled = new AbortController();
    const waiting = sleep(GRACE_MS, settled.signal).then(() => {
      this.#abandon.abort();
    });
    try {
      await this.#work;
    } finally {
      settled.abort();
      await waiting;
    }
  }
}
