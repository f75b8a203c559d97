import { describe, expect, it } from 'vitest';
import { decideHold } from '../../../../proxy/core/hold.ts';

describe('decideHold', () => {
  const limits = { holdMax: 2, holdMs: 100 };
  it.each([
    ['a first client waits', { sinceMs: null, heldCount: 0, nowMs: 0 }, limits, { kind: 'wait', forMs: 100 }],
    ['the last place is given', { sinceMs: null, heldCount: 1, nowMs: 0 }, limits, { kind: 'wait', forMs: 100 }],
    ['nobody beyond the last place', { sinceMs: null, heldCount: 2, nowMs: 0 }, limits, { kind: 'full' }],
    ['a full room throws nobody out', { sinceMs: 10, heldCount: 2, nowMs: 50 }, limits, { kind: 'wait', forMs: 60 }],
    ['the time is up to the millisecond', { sinceMs: 10, heldCount: 1, nowMs: 110 }, limits, { kind: 'expired' }],
    ['holding can be switched off by time', { sinceMs: null, heldCount: 0, nowMs: 0 }, { holdMax: 2, holdMs: 0 }, { kind: 'expired' }],
    ['holding can be switched off by places', { sinceMs: null, heldCount: 0, nowMs: 0 }, { holdMax: 0, holdMs: 100 }, { kind: 'full' }],
  ] as const)('%s', (_claim, facts, by, expected) => {
    expect(decideHold(facts, by)).toEqual(expected);
  });
});
