import { describe, expect, it } from 'vitest';
import type { Trial } from '../../../../../chaos/live/judge.ts';
import { faultBars } from '../../../../../chaos/live/page/fault-lanes.ts';

const span = { from: 0, until: 10_000 };
const struck = (fault: string, afterFaultMs: number, lasts = true) => ({ kind: 'struck', fault, lasts, afterFaultMs, text: '' }) as const;
const healed = (fault: string | null, afterFaultMs: number) => ({ kind: 'healed', fault, afterFaultMs, text: '' }) as const;
const said = { kind: 'said', afterFaultMs: 5, text: 'healed: a' } as const;

function bars(...happenings: Trial['happenings']): readonly unknown[] {
  return faultBars(happenings, span).map(({ name, fromMs, untilMs, lane }) => [name, fromMs, untilMs, lane]);
}

describe('faults as bars', () => {
  it('last until they are healed, by name or with everything that was left', () => {
    expect(bars(struck('a', 0), said, struck('b', 1_000), healed('a', 4_000), healed(null, 6_000))).toEqual([
      ['a', 0, 4_000, 0],
      ['b', 1_000, 6_000, 1],
    ]);
  });

  it('last to the end when nobody healed them, and not at all when nothing of them is left', () => {
    expect(bars(struck('a', 0), struck('b', 0, false), healed(null, 9_000))).toEqual([
      ['a', 0, 9_000, 0],
      ['b', 0, 0, 1],
    ]);
    expect(bars(struck('a', 0))).toEqual([['a', 0, 10_000, 0]]);
  });

  it('have their names before them where there is no room behind, and share no lane with what stands there', () => {
    const late = faultBars([struck('a', 0), healed('a', 5_000), struck('b', 6_000, false), struck('c', 9_900, false)], span);
    expect(late.map(({ name, lane, isNamedBefore }) => [name, lane, isNamedBefore])).toEqual([
      ['a', 0, false],
      ['b', 1, true],
      ['c', 0, true],
    ]);
  });

  it('share a lane one after the other, but never so close that their names overlap', () => {
    expect(bars(struck('a', 0), healed('a', 500), struck('a', 1_000), healed('a', 1_500), struck('a', 3_500), healed('a', 4_000))).toEqual([
      ['a', 0, 500, 0],
      ['a', 1_000, 1_500, 1],
      ['a', 3_500, 4_000, 0],
    ]);
  });
});
