/**
 * Lets a bounded number in at once, the others in the order they came. When a leader appears, a thousand held clients would otherwise dial in
 * one instant: the server's listen queue overflows, the kernel drops the rest, and their retransmission costs a whole second.
 */
export class Turnstile {
  #free: number;
  readonly #queue = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** False: the signal came first. True: call `leave` exactly once. */
  enter(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(true);
      };
      const giveUp = (): void => {
        this.#queue.delete(admit);
        resolve(false);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#queue.add(admit);
    });
  }

  leave(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}
