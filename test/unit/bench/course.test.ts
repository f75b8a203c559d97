// The order in which ways are measured, and how many sessions a machine allows.
import { expect, it } from 'vitest';
import { orderOf, sessionsPossible, WAYS } from '../../../bench/course.ts';

it('begins every round with another way, and goes backwards in every second round', () => {
  expect([0, 1, 2, 3].map((round) => orderOf(['a', 'b', 'c', 'd'], round).join(''))).toEqual(['abcd', 'adcb', 'cdab', 'cbad']);
});

it('leaves no way out in any round', () => {
  for (let round = 0; round < 9; round += 1) expect(new Set(orderOf(WAYS, round))).toEqual(new Set(WAYS));
});

it('plans two files for a session and leaves some for the rest', () => {
  expect(sessionsPossible(20_000)).toBe(9_900);
});
