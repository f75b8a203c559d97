// Count, median and maximum of few trials.
import { expect, test } from 'vitest';
import { summarize } from '../../../../chaos/live/statistics.ts';

test.each([
  [[5], { n: 1, median: 5, max: 5 }],
  [[9, 1], { n: 2, median: 5, max: 9 }],
  [[30, 10, 20], { n: 3, median: 20, max: 30 }],
  [[4, 1, 3, 2], { n: 4, median: 3, max: 4 }],
])('of %j', (values, summary) => {
  expect(summarize(values)).toEqual(summary);
});

test('nothing measured has no summary', () => {
  expect(summarize([])).toBeNull();
});
