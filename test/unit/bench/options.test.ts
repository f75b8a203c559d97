// The command line of the comparison.
import { expect, it } from 'vitest';
import { readOptions } from '../../../bench/options.ts';

it('is thorough when nothing is said', () => {
  expect(readOptions([])).toMatchObject({ rounds: 5, seconds: 5, copyMegabytes: 1_000, idleSessions: 10_000, pin: true, strict: false });
});

it('is quick on demand, and what is said beside it counts', () => {
  const quick = readOptions(['--quick', '--idle', '0', '--no-pin', '--json']);
  expect(quick).toMatchObject({ rounds: 2, seconds: 2, copyMegabytes: 100, idleSessions: 0, pin: false, json: true });
});

it('measures nothing when help is wanted', () => {
  expect(readOptions(['--help'])).toBeNull();
});

it.each([
  [['--rounds', '0'], /--rounds takes a whole number from 1/],
  [['--seconds', '1.5'], /--seconds takes a whole number/],
  [['--copy-mb', 'many'], /--copy-mb takes a whole number/],
  [['--idle=-1'], /--idle takes a whole number from 0/],
  [['--fast'], /Unknown option/],
])('refuses %j', (args, why) => {
  expect(() => readOptions(args)).toThrow(why);
});
