// P7 as arithmetic: from every safe combination of recorded set, set in force and target, the generator reaches the target, and every pair
// of record and set that can hold on the way is safe (I3).
import { describe, expect, test } from 'vitest';
import { nextSetStep } from '../../../../agent/core/set-change.ts';
import { isSafePair, memberSet, NOBODY, sameSet, subsetsOfSize, type MemberSet } from '../../../../shared/domain/member-set.ts';
import { parseMemberId, type MemberId } from '../../../../shared/domain/node-id.ts';

function member(index: number): MemberId {
  const id = parseMemberId(`n${String(index)}~00000000000${String(index)}`);
  if (id === null) throw new Error('not a member id');
  return id;
}

function allSets(count: number): readonly MemberSet[] {
  const members = Array.from({ length: count }, (_, index) => member(index + 1));
  const sets: MemberSet[] = [NOBODY];
  for (let size = 1; size <= count; size += 1) {
    for (const subset of subsetsOfSize(members, size)) {
      for (let k = 1; k <= size; k += 1) sets.push(memberSet(subset, k));
    }
  }
  return sets;
}

/** Follows the generator to its end; returns how many steps it took. */
function settle(
  start: { readonly record: MemberSet; readonly inForce: MemberSet | null },
  target: MemberSet,
): { readonly steps: number; readonly passedNobody: boolean } {
  let { record, inForce } = start;
  let caughtUp = false;
  let passedNobody = false;
  for (let steps = 0; steps < 20; steps += 1) {
    const step = nextSetStep({ record, inForce, target, caughtUp });
    switch (step.kind) {
      case 'settled':
        expect(sameSet(record, target) && inForce !== null && sameSet(inForce, target)).toBe(true);
        return { steps, passedNobody };
      case 'record':
        // While the change is in flight both outcomes are possible.
        if (inForce !== null) expect(isSafePair(step.set, inForce), 'the new record is safe with the set in force').toBe(true);
        if (step.set.k === 0 && target.k > 0 && record.k > 0) passedNobody = true;
        record = step.set;
        break;
      case 'put-in-force':
        // Between write and proof the old and the new value both decide acknowledgements.
        expect(isSafePair(record, step.set), 'the set about to be in force is safe with the record').toBe(true);
        inForce = step.set;
        caughtUp = false;
        break;
      case 'catch-up':
        caughtUp = true;
        break;
    }
  }
  throw new Error('the generator does not end');
}

describe('the set-change generator', () => {
  const sets = allSets(3);

  test('reaches every target from every safe pair, and every pair on the way is safe (I3, I9)', () => {
    let checked = 0;
    for (const record of sets) {
      for (const inForce of sets.filter((set) => isSafePair(record, set))) {
        for (const target of sets) {
          const { passedNobody } = settle({ record, inForce }, target);
          expect(passedNobody, 'it never passes through nobody on the way to somebody').toBe(false);
          checked += 1;
        }
      }
    }
    expect(checked).toBe(949);
  });

  test('proves the recorded set first when it cannot know what is in force', () => {
    for (const record of sets) {
      for (const target of sets) {
        expect(nextSetStep({ record, inForce: null, target, caughtUp: false })).toEqual({ kind: 'put-in-force', set: record });
        settle({ record, inForce: null }, target);
      }
    }
  });

  test('returns to the recorded set when a pair is not safe', () => {
    const record = memberSet([member(1), member(2)], 2);
    const inForce = memberSet([member(3)], 1);
    expect(isSafePair(record, inForce)).toBe(false);
    expect(nextSetStep({ record, inForce, target: inForce, caughtUp: true })).toEqual({ kind: 'put-in-force', set: record });
  });

  test('never records a tighter set before its members have caught up', () => {
    const record = memberSet([member(1)], 1);
    const target = memberSet([member(2)], 1);
    const widened = memberSet([member(1), member(2)], 1);
    expect(nextSetStep({ record: widened, inForce: target, target, caughtUp: false })).toEqual({ kind: 'catch-up', set: target });
    expect(nextSetStep({ record: widened, inForce: target, target, caughtUp: true })).toEqual({ kind: 'record', set: target });
    expect(nextSetStep({ record, inForce: record, target, caughtUp: true })).toEqual({ kind: 'record', set: widened });
  });
});

describe('the safe-pair inequality', () => {
  test('equals quorum intersection for every pair of sets of up to four members', () => {
    const universe = [1, 2, 3, 4].map(member);
    const everySet = allSets(4);
    for (const record of everySet) {
      for (const inForce of everySet) {
        expect(isSafePair(record, inForce)).toBe(intersects(record, inForce, universe));
      }
    }
  });
});

/** Every read quorum of the record meets every set of acknowledgers: checked by enumeration, knowing nothing of the formula. */
function intersects(record: MemberSet, inForce: MemberSet, universe: readonly MemberId[]): boolean {
  if (record.k === 0) return true;
  // With nobody to wait for, the primary alone acknowledges.
  if (inForce.k === 0) return false;
  const readQuorums = subsetsOfSize(record.members, record.members.length - record.k + 1);
  const acknowledgers = subsetsOfSize(inForce.members, inForce.k);
  expect(universe.length).toBe(4);
  return readQuorums.every((quorum) => acknowledgers.every((group) => group.some((one) => quorum.includes(one))));
}
