// Tables that line up.
import { expect, it } from 'vitest';
import { table } from '../../../bench/table.ts';

it('makes every column as wide as its widest cell', () => {
  expect(table(['a', 'wide'], [['long', '1']])).toEqual(['| a    | wide |', '| ---- | ---- |', '| long | 1    |']);
});

it('is nothing without rows', () => {
  expect(table(['a'], [])).toEqual([]);
});
