// Medians, the largest, percentiles, and rounds compared in pairs.
import { describe, expect, it, test } from 'vitest';
import { pairUp, percentile, summarize } from '../../../bench/statistics.ts';

test.each([
  [[5], { n: 1, median: 5, max: 5 }],
  [[9, 1], { n: 2, median: 5, max: 9 }],
  [[30, 10, 20], { n: 3, median: 20, max: 30 }],
  [[1.5, 0.5, 2.5, 3.5], { n: 4, median: 2, max: 3.5 }],
])('summary of %j', (values, summary) => {
  expect(summarize(values)).toEqual(summary);
});

it('nothing measured has no summary and no percentile', () => {
  expect(summarize([])).toBeNull();
  expect(percentile([], 0.5)).toBeNull();
});

test.each([
  [0.5, 50],
  [0.99, 99],
  [1, 100],
  [0, 1],
])('of 1 to 100, the share %f stays at or below %i', (share, value) => {
  expect(
    percentile(
      Float64Array.from({ length: 100 }, (_, at) => at + 1),
      share,
    ),
  ).toBe(value);
});

describe('rounds in pairs', () => {
  it('are compared with the same round, and a round that lacks one of them is left out', () => {
    const one = new Map([
      [0, 10],
      [1, 30],
      [2, 50],
    ]);
    const other = new Map([
      [0, 5],
      [2, 10],
      [3, 1],
    ]);
    expect(pairUp(one, other, (a, b) => a / b)).toEqual([2, 5]);
  });
});
