import { describe, expect, it } from 'vitest';
import { entrantsFor, FAULTS, heatsOf, nameOf } from '../../../../bench/failover/course.ts';

describe('the entrants', () => {
  it('are both products under the same durability, the peer at every setting that was asked for', () => {
    expect(entrantsFor(['default', 'fast'], [true, false]).map(nameOf)).toEqual([
      'pgbaton sync',
      'patroni default sync',
      'patroni fast sync',
      'pgbaton async',
      'patroni default async',
      'patroni fast async',
    ]);
  });
});

describe('the order of the race', () => {
  const who = ['a', 'b', 'c'];
  const heats = heatsOf(who, FAULTS, 4);

  it('has everybody meet every fault as often as anybody else', () => {
    for (const entrant of who)
      for (const fault of FAULTS)
        expect(heats.filter((heat) => heat.entrant === entrant && heat.fault === fault).map(({ trial }) => trial)).toEqual([1, 2, 3, 4]);
  });

  it('lets nobody meet the next fault before all have met this one', () => {
    for (let at = 0; at < heats.length; at += who.length) {
      const turn = heats.slice(at, at + who.length);
      expect(new Set(turn.map(({ fault, trial }) => `${fault} ${String(trial)}`)).size).toBe(1);
      expect(turn.map(({ entrant }) => entrant).toSorted()).toEqual(who);
    }
  });

  it('lets each of them go first sometimes', () => {
    const firsts = heats.filter((_, at) => at % who.length === 0).map(({ entrant }) => entrant);
    expect(new Set(firsts).size).toBe(who.length);
  });
});
