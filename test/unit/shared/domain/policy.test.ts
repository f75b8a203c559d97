// Timing relations are refused with their arithmetic, never repaired.
import { expect, test } from 'vitest';
import { brokenRelations, DEFAULT_POLICY, RELATIONS } from '../../../../shared/domain/policy.ts';

test('the defaults satisfy every relation', () => {
  expect(RELATIONS.length).toBeGreaterThan(3);
  expect(brokenRelations(DEFAULT_POLICY)).toEqual([]);
});

test.each([
  ['a renewal that cannot fail once', { renewMs: 4_000 }, 'renewMs'],
  ['a call as long as the lease', { etcdCallMs: 900 }, 'etcdCallMs'],
  ['a suspicion quicker than four heartbeats', { suspectMs: 500 }, 'suspectMs'],
  ['a degrade quicker than an election', { degradeAfterMs: 2_000 }, 'degradeAfterMs'],
  ['a promise that cannot be asked twice', { promiseByMs: 700 }, 'promiseByMs'],
] as const)('%s is refused', (_, change, field) => {
  const broken = brokenRelations({ ...DEFAULT_POLICY, ...change });
  expect(broken.some((relation) => relation.fields.some((name) => name === field))).toBe(true);
  expect(broken.every((relation) => /\d+ is not <=? \d+/.test(relation.arithmetic))).toBe(true);
});
