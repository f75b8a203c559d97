// How processors are divided between the proxy under test and its load.
import { expect, test } from 'vitest';
import { splitCores } from '../../../bench/machine.ts';

test.each([
  [[], null],
  [[3], null],
  [[0, 1], { proxy: '1', load: '0', loadCores: 1 }],
  [[2, 4, 5, 7], { proxy: '7', load: '2,4,5', loadCores: 3 }],
])('of the processors %j', (allowed, split) => {
  expect(splitCores(allowed)).toEqual(split);
});
