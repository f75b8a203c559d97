import { describe, expect, it } from 'vitest';
import { admissionAt, admits, mayChange, OPEN, type Admission } from '../../../../proxy/core/admission.ts';

const PAUSED: Admission = { kind: 'paused', ports: ['rw'], untilMs: 100 };
const DRAINING: Admission = { kind: 'draining', cutAtMs: 50, untilMs: 100 };
const ENDING: Admission = { kind: 'draining', cutAtMs: 50, untilMs: null };

describe('the word of an operator', () => {
  it.each([
    [OPEN, 'yes', 'yes'],
    [PAUSED, 'hold', 'yes'],
    [DRAINING, 'refuse', 'refuse'],
    [ENDING, 'refuse', 'refuse'],
  ] as const)('%j: read-write %s, read-only %s', (admission, rw, ro) => {
    expect([admits(admission, 'rw'), admits(admission, 'ro')]).toEqual([rw, ro]);
  });

  it('is over by itself when its time is, but the end of the process is not', () => {
    expect([admissionAt(PAUSED, 99), admissionAt(PAUSED, 100)]).toEqual([PAUSED, OPEN]);
    expect([admissionAt(DRAINING, 99), admissionAt(DRAINING, 100)]).toEqual([DRAINING, OPEN]);
    expect(admissionAt(ENDING, 1e9)).toEqual(ENDING);
  });

  it('may be followed by another, except at the end of the process', () => {
    expect([OPEN, PAUSED, DRAINING, ENDING].map(mayChange)).toEqual([true, true, true, false]);
  });
});
