import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { between, diceFor, pick } from '../../../../chaos/live/dice.ts';

const throws = (random: () => number, count = 8): readonly number[] => Array.from({ length: count }, random);

describe('dice', () => {
  it('throw the same for the same seed and purpose, and something else for another', () => {
    expect(throws(diceFor('1', 'a', 1))).toEqual(throws(diceFor('1', 'a', 1)));
    expect(throws(diceFor('1', 'a', 1))).not.toEqual(throws(diceFor('2', 'a', 1)));
    expect(throws(diceFor('1', 'a', 1))).not.toEqual(throws(diceFor('1', 'a', 2)));
  });

  it('stay within what they may, and reach both ends', () => {
    const random = diceFor('range');
    const seen = new Set(throws(() => between(random, 3, 6), 500));
    expect([...seen].toSorted((a, b) => a - b)).toEqual([3, 4, 5, 6]);
    fc.assert(fc.property(fc.string(), (seed) => throws(diceFor(seed), 50).every((value) => value >= 0 && value < 1)));
  });

  it('pick every one of a list sooner or later', () => {
    const random = diceFor('pick');
    expect(new Set(Array.from({ length: 200 }, () => pick(random, ['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']));
  });
});
