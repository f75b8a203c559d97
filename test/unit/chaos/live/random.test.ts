import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diceFor } from '../../../../chaos/live/dice.ts';
import { drawBlows, scenarioOf } from '../../../../chaos/live/random.ts';
import { mayFallTogether, WEAPONS } from '../../../../chaos/live/weapons.ts';

const draw = (seed: string, double = false) => drawBlows(diceFor(seed), WEAPONS, double);

describe('the random mode', () => {
  it('draws the same blows from the same seed', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (seed, double) => {
        expect(draw(seed, double)).toEqual(draw(seed, double));
      }),
    );
  });

  it('draws one or two blows, and always two when asked for double faults; never a pair that makes no sense', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (seed, double) => {
        const blows = draw(seed, double);
        expect(blows.length).toBeGreaterThanOrEqual(double ? 2 : 1);
        expect(blows.length).toBeLessThanOrEqual(2);
        const [first, second] = blows;
        if (first !== undefined && second !== undefined) expect(mayFallTogether(first.weapon, second.weapon)).toBe(true);
      }),
    );
  });

  it('uses every weapon sooner or later', () => {
    const used = new Set(
      Array.from({ length: 2_000 }, (_, seed) => draw(String(seed), true)).flatMap((blows) => blows.map(({ weapon }) => weapon.name)),
    );
    expect([...used].toSorted()).toEqual(WEAPONS.map(({ name }) => name).toSorted());
  });

  it('lets a failover pass as justified only when a blow justifies it', () => {
    const freeze = WEAPONS.find(({ name }) => name === 'etcd-leader-freeze');
    const kill = WEAPONS.find(({ name }) => name === 'postmaster-kill');
    if (freeze === undefined || kill === undefined) throw new Error('weapons are missing');
    const blow = (weapon: typeof freeze) => ({ weapon, afterMs: 0, holdMs: 1 });
    expect(scenarioOf([blow(freeze)]).demand.failovers).toEqual({ least: 0, most: 0 });
    expect(scenarioOf([blow(freeze), blow(kill)]).demand.failovers).toEqual({ least: 0, most: 1 });
  });
});

describe('pairs of weapons', () => {
  it('are judged alike in both orders, and none falls together with itself', () => {
    for (const one of WEAPONS) {
      expect(mayFallTogether(one, one)).toBe(false);
      for (const other of WEAPONS) expect(mayFallTogether(one, other)).toBe(mayFallTogether(other, one));
    }
  });

  it('have a partner each, so that a double fault can always be drawn', () => {
    for (const one of WEAPONS) expect(WEAPONS.some((other) => mayFallTogether(one, other))).toBe(true);
  });
});
