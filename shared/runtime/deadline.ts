/**
 * Waiting with an end. Every wait in pgbaton has a deadline, an AbortSignal or both, and leaves neither a timer nor a listener behind: a
 * listener left on a signal that lives as long as the process is a leak that grows with every loop.
 */
import { assert } from '../assert.ts';

export type DeadlineOutcome<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'aborted' };

const TIMER_MS_MAX = 2_147_483_647;

/**
 * Runs `work` with a signal that fires when the time is over or the parent is aborted. Returns at that moment, whether or not the work listens:
 * a hung disk or socket must not hold the caller. What the work does later is ignored, its failure too. A failure in time is thrown.
 */
export async function withDeadline<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
  ms: number,
  parent?: AbortSignal,
): Promise<DeadlineOutcome<Value>> {
  assertTimer(ms);
  if (parent?.aborted === true) return { kind: 'aborted' };
  // No budget is left: the work is not even begun, because nobody would wait for its outcome.
  if (ms <= 0) return { kind: 'timed-out' };
  const controller = new AbortController();
  let settle: (outcome: DeadlineOutcome<Value>) => void = () => undefined;
  const ended = new Promise<DeadlineOutcome<Value>>((resolve) => {
    settle = resolve;
  });
  const onAbort = (): void => {
    settle({ kind: 'aborted' });
    controller.abort(parent?.reason);
  };
  const timer = setTimeout(() => {
    settle({ kind: 'timed-out' });
    controller.abort(new Error(`timed out after ${String(ms)} ms`));
  }, ms);
  parent?.addEventListener('abort', onAbort, { once: true });
  try {
    const done = work(controller.signal).then((value): DeadlineOutcome<Value> => ({ kind: 'done', value }));
    // `race` keeps a handler on `done`, so a late failure is never an unhandled rejection.
    return await Promise.race([ended, done]);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener('abort', onAbort);
  }
}

/** Never throws: a sleep that was cut short is an ordinary outcome for a loop. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<'slept' | 'aborted'> {
  assertTimer(ms);
  if (signal?.aborted === true) return 'aborted';
  return new Promise((resolve) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      resolve('aborted');
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve('slept');
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

// Node turns a NaN, an infinite or a too long timer into one of 1 ms: a wait that is none.
function assertTimer(ms: number): void {
  assert(Number.isFinite(ms) && ms <= TIMER_MS_MAX, `a timer is a finite number of milliseconds below 2^31, not ${String(ms)}`);
}

/** Waits for an abort, for as long as it takes: only a person ends what waits here. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
