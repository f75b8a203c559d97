import { describe, expect, it } from 'vitest';
import { anchorAt, isLate, percent, ticks } from '../../../../../chaos/live/page/axis.ts';

describe('an axis', () => {
  it('places a value by its share, and nothing outside the drawing', () => {
    const span = { from: -100, until: 300 };
    expect([-100, 0, 300, 900, -900].map((ms) => percent(ms, span))).toEqual(['0.000%', '25.000%', '100.000%', '100.000%', '0.000%']);
    expect(percent(5, { from: 5, until: 5 })).toBe('0.000%');
  });

  it('has its labels inside the drawing, also at its ends', () => {
    const span = { from: 0, until: 1_000 };
    expect([0, 99, 101, 500, 899, 901, 1_000].map((ms) => anchorAt(ms, span))).toEqual([
      'start',
      'start',
      'middle',
      'middle',
      'middle',
      'end',
      'end',
    ]);
    expect([0, 500, 501, 1_000].map((ms) => isLate(ms, span))).toEqual([false, false, true, true]);
  });

  it('is labelled with round numbers, about as many as were asked for', () => {
    expect(ticks({ from: -1_300, until: 9_400 }, 10)).toEqual([0, 2_000, 4_000, 6_000, 8_000]);
    expect(ticks({ from: 0, until: 640 }, 8)).toEqual([0, 100, 200, 300, 400, 500, 600]);
    for (const until of [1, 7, 99, 12_345, 7_200_000]) expect(ticks({ from: 0, until }, 8).length).toBeLessThanOrEqual(10);
  });
});
