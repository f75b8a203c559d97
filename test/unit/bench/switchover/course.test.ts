// What runs when.
import { expect, it } from 'vitest';
import { CONTESTANTS, COURSES, momentsMs, orderIn, secondsNeeded, TAIL_MS } from '../../../../bench/switchover/course.ts';

it('has every mode of pgbench in the clear and in TLS, and a crowd', () => {
  expect(COURSES.map(({ name }) => name)).toEqual([
    ...['simple', 'extended', 'prepared', 'tls-simple', 'tls-extended', 'tls-prepared'],
    'crowd',
  ]);
  expect(COURSES.map(({ busy, idle }) => busy + idle)).toEqual([8, 8, 8, 8, 8, 8, 200]);
});

it('lets the two go first in turns', () => {
  expect(orderIn(0)).toEqual(CONTESTANTS);
  expect(orderIn(1)).toEqual(CONTESTANTS.toReversed());
  expect(orderIn(2)).toEqual(CONTESTANTS);
});

it('spreads the switchovers evenly, and leaves time behind the last', () => {
  expect(momentsMs(30, 3)).toEqual([3_000, 12_500, 22_000]);
  expect(momentsMs(30, 1)).toEqual([3_000]);
  expect(momentsMs(30, 3).at(-1)).toBe(30_000 - TAIL_MS);
});

it('asks for so much time that a cluster can be whole again in between', () => {
  const [first = 0, second = 0] = momentsMs(secondsNeeded(2), 2);
  expect(second - first).toBe(4_000);
});
