import { expect, it } from 'vitest';
import { RestartPause } from '../../../../proxy/workers/restart-pause.ts';

it('grows to five seconds while the worker keeps ending, and begins anew after it was well', () => {
  const pause = new RestartPause(() => 1);
  const pauses = Array.from({ length: 7 }, () => pause.nextMs(1_000));
  expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  expect(pause.nextMs(60_000)).toBe(200);
  expect(pause.nextMs(0)).toBe(400);
});
