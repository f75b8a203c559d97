import { expect, it } from 'vitest';
import { editDistance, suggest } from '../../../../shared/config/suggest.ts';

it.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', '', 3],
  ['prot', 'port', 1],
  ['kitten', 'sitting', 3],
])('counts the edits from %j to %j', (from, to, edits) => {
  expect(editDistance(from, to)).toBe(edits);
  expect(editDistance(to, from)).toBe(edits);
});

it('finds the closest word and says nothing when none is close', () => {
  expect(suggest('dataDri', ['binDir', 'dataDir'])).toBe('dataDir');
  expect(suggest('DATADIR', ['dataDir'])).toBe('dataDir');
  expect(suggest('zebra', ['port', 'dataDir'])).toBeNull();
  expect(suggest('x', [])).toBeNull();
});
