// Which leaderships count as doubtful, and that each is counted once.
import { expect, test } from 'vitest';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import { noteClaim, recentClaims } from '../../../../agent/core/unrest.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { ClaimTrigger } from '../../../../shared/domain/leader-record.ts';
import { factsOf, historyOf, NOW_MS, recordOf } from '../../../support/facts-builder.ts';

const begun = recordOf({ epoch: epoch(5n) });
const before = noteClaim(factsOf(), EMPTY_MEMORY, recordOf());

function factsAfter(trigger: ClaimTrigger): ReturnType<typeof factsOf> {
  return factsOf({}, { history: [historyOf(), historyOf({ epoch: epoch(5n), trigger })] });
}

test('the epoch that an agent finds at its start is not counted', () => {
  expect(before.unrest).toEqual({ epoch: 4n, claims: [] });
});

test.each(['suspicion', 'sick'] as const)('a leadership that began by %s is counted once, and forgotten after a while', (trigger) => {
  const facts = factsAfter(trigger);
  const noted = noteClaim(facts, before, begun);
  expect(recentClaims(facts, noted, trigger)).toBe(1);
  expect(noteClaim(facts, noted, begun)).toBe(noted);
  expect(recentClaims({ ...facts, nowMs: NOW_MS + 300_000 }, noted, trigger)).toBe(0);
});

test.each(['down', 'ttl', 'handing-over', 'operator', 'repair', 'released'] as const)('one that began by %s is not', (trigger) => {
  const facts = factsAfter(trigger);
  const noted = noteClaim(facts, before, begun);
  expect(recentClaims(facts, noted, 'suspicion') + recentClaims(facts, noted, 'sick')).toBe(0);
});
