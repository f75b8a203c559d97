// What passes, what fails, and what nobody knows.
import { describe, expect, it } from 'vitest';
import { criterion, tableOfCriteria, verdictOf } from '../../../bench/criteria.ts';

describe('a criterion', () => {
  it.each([
    [5, { most: 5 }, 'pass'],
    [5.1, { most: 5 }, 'fail'],
    [5, { least: 5 }, 'pass'],
    [4.9, { least: 5 }, 'fail'],
    [null, { most: 5 }, 'unknown'],
  ] as const)('of %j with %j is %s', (value, wanted, verdict) => {
    expect(criterion('name', value, wanted)).toEqual({ name: 'name', value, wanted, verdict });
  });
});

describe('the verdict', () => {
  const [good, bad, open] = [criterion('a', 0, { most: 0 }), criterion('b', 1, { most: 0 }), criterion('c', null, { most: 0 })];

  it('is fail as soon as one fails, and pass only when all pass', () => {
    expect(verdictOf([good, open, bad])).toBe('fail');
    expect(verdictOf([good, open])).toBe('unknown');
    expect(verdictOf([good, good])).toBe('pass');
  });

  it('is told beside what was measured and what was wanted', () => {
    const lines = tableOfCriteria([bad, open], 1).join('\n');
    expect(lines).toMatch(/\| b +\| 1\.0 +\| <= 0 +\| fail +\|/);
    expect(lines).toMatch(/\| c +\| - +\| <= 0 +\| unknown +\|/);
  });
});
