// The command line of the comparison.
import { expect, it } from 'vitest';
import { readOptions } from '../../../../bench/switchover/options.ts';

it('runs every course, and more than ten switchovers of each, when nothing is said', () => {
  const options = readOptions([]);
  expect(options).toMatchObject({ rounds: 4, switchovers: 3, seconds: 30, json: false, strict: false, keep: false });
  expect(options?.courses).toHaveLength(7);
});

it('is quick on demand, and what is said beside it counts', () => {
  const options = readOptions(['--quick', '--rounds', '2', '--courses', 'crowd,simple', '--json', '--strict']);
  expect(options).toMatchObject({ rounds: 2, switchovers: 2, seconds: 15, json: true, strict: true });
  expect(options?.courses.map(({ name }) => name)).toEqual(['simple', 'crowd']);
});

it('measures nothing when help is wanted', () => {
  expect(readOptions(['--help'])).toBeNull();
});

it.each([
  [['--rounds', '0'], /--rounds takes a whole number from 1/],
  [['--seconds', '1.5'], /--seconds takes a whole number/],
  [['--switchovers', '9'], /9 switchovers need 43 s/],
  [['--courses', 'simple,pipeline'], /there is no pipeline/],
  [['--fast'], /Unknown option/],
])('refuses %j', (args, why) => {
  expect(() => readOptions(args)).toThrow(why);
});
