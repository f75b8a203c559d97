/** The line of groups against the plainest line there is: whatever is pushed and answered, both say the same, also while the ring grows and wraps around. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GROUP, GroupQueue, type GroupKind } from '../../../../proxy/core/group-queue.ts';

type Group = { owed: number; readonly kind: GroupKind };
type Step =
  | { readonly act: 'push'; readonly owed: number; readonly kind: GroupKind }
  | { readonly act: 'answer' | 'shift' | 'put-back' | 'skip' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 150,
    arbitrary: fc.record({
      act: fc.constant('push' as const),
      owed: fc.integer({ min: 0, max: 3 }),
      kind: fc.constantFrom(GROUP.request, GROUP.sync),
    }),
  },
  { weight: 50, arbitrary: fc.constantFrom<Step>({ act: 'answer' }, { act: 'shift' }, { act: 'put-back' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ act: 'skip' }) },
);

function apply(line: GroupQueue, plain: Group[], one: Step): void {
  const [head] = plain;
  switch (one.act) {
    case 'push':
      if (line.push(one.owed, one.kind)) plain.push({ owed: one.owed, kind: one.kind });
      else throw new Error('there is room for as few as these');
      return;
    case 'answer':
      if (head === undefined || head.owed === 0) return;
      line.answerOne();
      head.owed -= 1;
      return;
    case 'shift':
      if (head === undefined) return;
      line.shift();
      plain.shift();
      return;
    case 'put-back':
      if (head?.kind !== GROUP.request) return;
      line.drop();
      line.putBackRequest();
      head.owed = 0;
      return;
    case 'skip':
      if (!plain.some(({ kind }) => kind === GROUP.sync)) return;
      expect(line.skipToSync()).toBe(true);
      while (plain[0]?.kind === GROUP.request) plain.shift();
      if (plain[0] !== undefined) plain[0].owed = 0;
  }
}

describe('the line of message groups', () => {
  it('says what the plainest line says', () => {
    let longest = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 110, size: 'max' }), (steps) => {
        const line = new GroupQueue();
        const plain: Group[] = [];
        for (const one of steps) {
          apply(line, plain, one);
          longest = Math.max(longest, plain.length);
          expect([line.isEmpty, line.readies, line.owed, line.isEmpty ? 0 : line.kind]).toEqual([
            plain.length === 0,
            plain.length,
            plain[0]?.owed ?? 0,
            plain[0]?.kind ?? 0,
          ]);
        }
        for (; plain.length > 0; plain.shift(), line.shift()) {
          expect([line.owed, line.kind]).toEqual([plain[0]?.owed, plain[0]?.kind]);
        }
        expect(line.isEmpty).toBe(true);
      }),
      { numRuns: 100 },
    );
    expect(longest).toBeGreaterThan(40);
  });

  it('takes 127 runs and no more, and still counts what is ready', () => {
    const line = new GroupQueue();
    const taken = Array.from({ length: 130 }, (_none, index) => line.push(index, GROUP.sync));
    expect(taken.indexOf(false)).toBe(127);
    expect(line.readies).toBe(130);
    expect(line.owed).toBe(0);
    line.shift();
    expect(line.owed).toBe(1);
  });
});
