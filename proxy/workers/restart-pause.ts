/**
 * How long a worker that ended stays down. It grows while the worker keeps ending soon after its start, so that a machine that is out of memory is
 * not also kept busy with starting processes; it must never grow so long that a port is short of a worker for no reason.
 */
import { Backoff } from '../../shared/runtime/backoff.ts';
import type { Random } from '../../shared/runtime/random.ts';

const SHORTEST_MS = 200;
const LONGEST_MS = 5_000;
/** Who ran for so long was well, and is back at once. */
const HEALTHY_MS = 30_000;

export class RestartPause {
  readonly #backoff: Backoff;

  constructor(random: Random) {
    this.#backoff = new Backoff({ baseMs: SHORTEST_MS, maxMs: LONGEST_MS, random });
  }

  nextMs(ranForMs: number): number {
    if (ranForMs >= HEALTHY_MS) this.#backoff.reset();
    return this.#backoff.nextDelayMs();
  }
}
