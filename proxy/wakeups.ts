/**
 * A place to wait for news with a deadline. A wake-up says only "look again". It must never lose a waiter: each one leaves by news, by time or
 * by its signal, whichever comes first, and leaves nothing behind.
 */
export type Woken = 'news' | 'elapsed' | 'aborted';

export class Wakeups {
  readonly #waiting = new Set<(why: Woken) => void>();

  wait(forMs: number, signal: AbortSignal): Promise<Woken> {
    if (signal.aborted) return Promise.resolve('aborted');
    return new Promise((resolve) => {
      const leave = (why: Woken): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(leave);
        resolve(why);
      };
      const onAbort = (): void => {
        leave('aborted');
      };
      const timer = setTimeout(leave, forMs, 'elapsed');
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(leave);
    });
  }

  wakeAll(): void {
    for (const leave of [...this.#waiting]) leave('news');
  }
}
