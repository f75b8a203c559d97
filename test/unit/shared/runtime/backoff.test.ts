import { expect, it } from 'vitest';
import { Backoff, backoffDelayMs } from '../../../../shared/runtime/backoff.ts';
import { systemRandom } from '../../../../shared/runtime/random.ts';

it('doubles up to its bound and starts anew after a success', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => 1 });
  expect([0, 1, 2, 3, 4, 5].map(() => backoff.nextDelayMs())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(backoff.failures).toBe(6);
  backoff.reset();
  expect(backoff.failures).toBe(0);
  expect(backoff.nextDelayMs()).toBe(100);
});

it('is never shorter than half of its pause and never longer than its bound, even after very many failures', () => {
  for (const failures of [0, 1, 10, 1_000, Number.MAX_SAFE_INTEGER]) {
    const low = backoffDelayMs(failures, { baseMs: 10, maxMs: 500, random: () => 0 });
    const delayMs = backoffDelayMs(failures, { baseMs: 10, maxMs: 500, random: systemRandom });
    expect(delayMs).toBeGreaterThanOrEqual(low);
    expect(delayMs).toBeLessThanOrEqual(500);
    expect(low).toBeGreaterThanOrEqual(5);
  }
});

it('refuses a bound below its base', () => {
  expect(() => new Backoff({ baseMs: 10, maxMs: 5, random: () => 0 })).toThrow();
  expect(() => new Backoff({ baseMs: 0, maxMs: 5, random: () => 0 })).toThrow();
});
