import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { InvariantError } from '../../../../shared/assert.ts';
import { sleep, withDeadline } from '../../../../shared/runtime/deadline.ts';

const never = async (): Promise<never> => new Promise(() => undefined);

describe('withDeadline', () => {
  it('returns what the work returned', async () => {
    await expect(withDeadline(async () => 7, 1_000)).resolves.toEqual({ kind: 'done', value: 7 });
  });

  it('returns at the deadline although the work never ends, and tells the work', async () => {
    let seen: AbortSignal | null = null;
    const outcome = await withDeadline(async (signal) => {
      seen = signal;
      return never();
    }, 5);
    expect(outcome).toEqual({ kind: 'timed-out' });
    expect(seen).toMatchObject({ aborted: true });
  });

  it('returns when the parent is aborted, with the parent’s reason for the work', async () => {
    const parent = new AbortController();
    let reason: unknown = null;
    const running = withDeadline(
      async (signal) => {
        signal.addEventListener('abort', () => (reason = signal.reason));
        return never();
      },
      10_000,
      parent.signal,
    );
    parent.abort('SIGTERM');
    await expect(running).resolves.toEqual({ kind: 'aborted' });
    expect(reason).toBe('SIGTERM');
  });

  it('does not begin the work when the parent is aborted or no time is left', async () => {
    const work = vi.fn(async () => 1);
    await expect(withDeadline(work, 100, AbortSignal.abort())).resolves.toEqual({ kind: 'aborted' });
    await expect(withDeadline(work, 0)).resolves.toEqual({ kind: 'timed-out' });
    await expect(withDeadline(work, -5)).resolves.toEqual({ kind: 'timed-out' });
    expect(work).not.toHaveBeenCalled();
  });

  it('throws what the work throws in time, synchronously or not', async () => {
    await expect(withDeadline(async () => Promise.reject(new Error('broken')), 1_000)).rejects.toThrow('broken');
    const throws = (): Promise<never> => {
      throw new Error('at once');
    };
    await expect(withDeadline(throws, 1_000)).rejects.toThrow('at once');
  });

  it('swallows a failure that comes after the deadline', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const outcome = await withDeadline(
      async (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => setImmediate(() => reject(new Error('late'))));
        }),
      5,
    );
    await sleep(10);
    process.off('unhandledRejection', unhandled);
    expect(outcome).toEqual({ kind: 'timed-out' });
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('leaves no listener on a parent that lives on', async () => {
    const parent = new AbortController();
    for (let round = 0; round < 20; round += 1) await withDeadline(async () => round, 1_000, parent.signal);
    await withDeadline(never, 1, parent.signal);
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
  });

  it('refuses timers that Node would turn into one millisecond', async () => {
    await expect(withDeadline(async () => 1, Number.NaN)).rejects.toThrow(InvariantError);
    await expect(withDeadline(async () => 1, Number.POSITIVE_INFINITY)).rejects.toThrow(InvariantError);
    await expect(sleep(2 ** 31)).rejects.toThrow(InvariantError);
  });
});

describe('sleep', () => {
  it('sleeps, or says that it was cut short, and leaves no listener', async () => {
    const controller = new AbortController();
    await expect(sleep(1, controller.signal)).resolves.toBe('slept');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    const sleeping = sleep(60_000, controller.signal);
    controller.abort();
    await expect(sleeping).resolves.toBe('aborted');
    await expect(sleep(60_000, controller.signal)).resolves.toBe('aborted');
  });
});
