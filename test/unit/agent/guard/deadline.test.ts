import { describe, expect, it } from 'vitest';
import { changeRight, mustFence, whyNotPrimary, type Right } from '../../../../agent/guard/deadline.ts';
import type { GuardPurpose } from '../../../../agent/guard/protocol.ts';

const right: Right = { epoch: 5n, untilMs: 1_000 };
const act = { epoch: 5n, right, promised: 5n, nowMs: 999 };

describe('the right to be a primary', () => {
  it('allows an act within the deadline, for its epoch, at the promise (I11)', () => {
    expect(whyNotPrimary(act)).toBeNull();
    expect(whyNotPrimary({ ...act, promised: 0n })).toBeNull();
  });

  it.each([
    ['at the deadline itself', { nowMs: 1_000 }, /passed/],
    ['long after it', { nowMs: 9_999_999 }, /passed/],
    ['above the promise of another epoch', { promised: 6n }, /promised epoch 6/],
    ['when the promise is unknown', { promised: null }, /could not be read/],
    ['when no deadline was ever given', { right: null }, /ever given/],
    ['for an epoch older than the deadline', { epoch: 4n, promised: 4n }, /for epoch 5/],
    ['for an epoch newer than the deadline', { epoch: 6n }, /for epoch 5/],
  ])('refuses an act %s', (_when, change, why) => {
    expect(whyNotPrimary({ ...act, ...change })).toMatch(why);
  });

  it('only moves forward within one epoch: an overtaken renewal changes nothing', () => {
    expect(changeRight(right, 5n, 1_500)).toEqual({ kind: 'accepted', right: { epoch: 5n, untilMs: 1_500 } });
    expect(changeRight(right, 5n, 500)).toEqual({ kind: 'accepted', right });
  });

  it('is replaced by that of a higher epoch, even an earlier one', () => {
    expect(changeRight(right, 6n, 500)).toEqual({ kind: 'accepted', right: { epoch: 6n, untilMs: 500 } });
  });

  it('is not touched by a lower epoch', () => {
    expect(changeRight(right, 4n, 9_000).kind).toBe('refused');
    expect(changeRight(right, 4n, null).kind).toBe('refused');
  });

  it('ends at once when told, and can be given again', () => {
    const ended = changeRight(right, 5n, null);
    if (ended.kind !== 'accepted') throw new Error('refused');
    expect(whyNotPrimary({ ...act, right: ended.right, nowMs: 0 })).toMatch(/passed/);
    expect(changeRight(ended.right, 5n, 700)).toEqual({ kind: 'accepted', right: { epoch: 5n, untilMs: 700 } });
  });
});

describe('fencing', () => {
  const standby: GuardPurpose = { kind: 'standby' };
  const primary: GuardPurpose = { kind: 'primary', epoch: '5' };
  it.each<readonly [string, GuardPurpose, boolean, Right | null, number, boolean]>([
    ['a standby without any right', standby, false, null, 0, false],
    ['a standby after the deadline', standby, false, right, 2_000, false],
    ['a promoted standby within the deadline', standby, true, right, 999, false],
    ['a promoted standby at the deadline', standby, true, right, 1_000, true],
    ['a primary within the deadline', primary, false, right, 999, false],
    ['a primary at the deadline', primary, false, right, 1_000, true],
    ['a primary without any right', primary, false, null, 0, true],
    ['a primary whose epoch was raised by its own agent', primary, false, { epoch: 9n, untilMs: 5_000 }, 4_000, false],
  ])('of %s', (_what, purpose, promoted, given, nowMs, expected) => {
    expect(mustFence({ purpose, promoted }, given, nowMs)).toBe(expected);
  });
});
