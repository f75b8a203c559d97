import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rowRanges } from '../../../../../chaos/live/page/row-ranges.ts';

it('runs of numbers are drawn together, by writer', () => {
  const rows = [7, 3, 4, 5, 9].map((seq) => ({ writer: 2, seq })).concat({ writer: 1, seq: 0 });
  expect(rowRanges(rows)).toEqual([
    { writer: 1, numbers: '0' },
    { writer: 2, numbers: '3-5, 7, 9' },
  ]);
});

it('no row is left out and none is made up', () => {
  const row = fc.record({ writer: fc.integer({ min: 0, max: 3 }), seq: fc.integer({ min: 0, max: 40 }) });
  fc.assert(
    fc.property(fc.uniqueArray(row, { selector: ({ writer, seq }) => writer * 100 + seq }), (rows) => {
      const told = rowRanges(rows).flatMap(({ writer, numbers }) =>
        numbers.split(', ').flatMap((run) => {
          const [from = 0, until = from] = run.split('-').map(Number);
          return Array.from({ length: until - from + 1 }, (_, at) => writer * 100 + from + at);
        }),
      );
      expect(told).toEqual(rows.map(({ writer, seq }) => writer * 100 + seq).toSorted((a, b) => a - b));
    }),
  );
});
