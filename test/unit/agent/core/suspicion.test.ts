// Deposing a silent leader before its lease ends takes independent voices; a leader cut off from etcd keeps its authority by confirmations.
import { describe, expect, test } from 'vitest';
import { authorityOf } from '../../../../agent/core/authority.ts';
import { triggerOf } from '../../../../agent/core/candidate.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import { EMPTY_MEMORY, type Memory } from '../../../../agent/core/memory.ts';
import { whyNotPromise } from '../../../../agent/core/promise.ts';
import { holderSilentMs } from '../../../../agent/core/suspicion.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { DEFAULT_POLICY } from '../../../../shared/domain/policy.ts';
import { factsOf, N1, N2, N3, NOW_MS, peerOf, peersOf, presentOf, recordOf } from '../../../support/facts-builder.ts';

const silent: Facts['holder'] = {
  member: N1,
  heardAtMs: NOW_MS - 900,
  walMovedAtMs: NOW_MS - 950,
  probeAnsweredAtMs: null,
  probeFailedAtMs: NOW_MS - 100,
};
const present = { record: recordOf(), modRevision: 50n, firstSeenAtMs: NOW_MS - 1_200 };
const agreeing = peersOf(peerOf(N3, { holderSilentMs: 850 }));

describe('suspicion', () => {
  test('two voices are enough, long before the lease ends', () => {
    expect(triggerOf(factsOf({ holder: silent, peers: agreeing }), EMPTY_MEMORY, present)).toBe('suspicion');
  });

  test('one voice is not, when another agent could have one', () => {
    expect(triggerOf(factsOf({ holder: silent, peers: peersOf(peerOf(N3, { holderSilentMs: null })) }), EMPTY_MEMORY, present)).toBeNull();
    expect(triggerOf(factsOf({ holder: silent, peers: peersOf(peerOf(N3, { holderSilentMs: 100 })) }), EMPTY_MEMORY, present)).toBeNull();
  });

  test.each<readonly [string, Partial<Facts['holder']>]>([
    ['its agent answered', { heardAtMs: NOW_MS - 300 }],
    ['its WAL arrived', { walMovedAtMs: NOW_MS - 100, probeFailedAtMs: NOW_MS - 200 }],
    ['its PostgreSQL answered', { probeAnsweredAtMs: NOW_MS - 100, probeFailedAtMs: NOW_MS - 150 }],
    ['its PostgreSQL has not been asked', { probeFailedAtMs: null }],
    ['it was never met', { heardAtMs: null }],
  ])('a leader is not suspected while %s', (_, change) => {
    expect(triggerOf(factsOf({ holder: { ...silent, ...change }, peers: agreeing }), EMPTY_MEMORY, present)).toBeNull();
  });

  test('a node that slept does not count its sleep as silence', () => {
    const facts = factsOf({ holder: silent, peers: agreeing, awakeSinceMs: NOW_MS - 50 });
    expect(holderSilentMs(facts, present.record)).toBe(50);
    expect(triggerOf(facts, EMPTY_MEMORY, present)).toBeNull();
  });

  test('the only other node left waits until the record has gone quiet too', () => {
    const record = recordOf({ set: memberSet([N2], 1) });
    const alone = { record, modRevision: 50n, firstSeenAtMs: NOW_MS - 1_200 };
    const facts = factsOf({ holder: silent, peers: new Map() }, { view: presentOf(record, 1_200) });
    expect(triggerOf(facts, EMPTY_MEMORY, alone)).toBeNull();
    expect(triggerOf(facts, EMPTY_MEMORY, { ...alone, firstSeenAtMs: NOW_MS - 1_900 })).toBe('suspicion');
  });

  describe('of a leader that renews', () => {
    const renewing = { ...present, firstSeenAtMs: NOW_MS - 300 };
    const facts = factsOf({ holder: silent, peers: agreeing });
    const after = (...agesMs: readonly number[]): Memory => ({
      ...EMPTY_MEMORY,
      unrest: { epoch: epoch(4n), claims: agesMs.map((ageMs) => ({ trigger: 'suspicion', atMs: NOW_MS - ageMs })) },
    });

    test('takes more patience when the last ones were deposed for silence as well', () => {
      expect(triggerOf(facts, after(9_000, 5_000), renewing)).toBe('suspicion');
      expect(triggerOf(facts, after(14_000, 9_000, 5_000), renewing)).toBeNull();
    });

    test('takes no more of it when it has stopped renewing, or when that was long ago', () => {
      expect(triggerOf(facts, after(14_000, 9_000, 5_000), { ...present, firstSeenAtMs: NOW_MS - 1_800 })).toBe('suspicion');
      expect(triggerOf(facts, after(314_000, 309_000, 305_000), renewing)).toBe('suspicion');
    });
  });

  test('async mode waits for the lease', () => {
    expect(
      triggerOf(factsOf({ holder: silent, peers: agreeing }), EMPTY_MEMORY, { ...present, record: recordOf({ mode: 'async' }) }),
    ).toBeNull();
  });
});

describe('a promise asked for because of silence', () => {
  const question = { ballot: epoch(5n), from: N3, recordEpoch: epoch(4n), readAgeMs: 20, trigger: 'suspicion' as const };

  test('is refused by whoever still hears the leader serve, or has just seen its WAL', () => {
    const hears = peersOf(peerOf(N1, { servingAsPrimary: true }));
    expect(whyNotPromise(factsOf({ peers: hears }), question)).toContain('hears the leader');
    expect(whyNotPromise(factsOf({ holder: { ...silent, walMovedAtMs: NOW_MS - 10 } }), question)).toContain('sign of life');
  });

  test('is refused to a requester that has not just read the store', () => {
    expect(whyNotPromise(factsOf({ holder: silent }), { ...question, readAgeMs: 400 })).toContain('has not read');
  });

  test('is given by whoever misses the leader as well', () => {
    expect(whyNotPromise(factsOf({ holder: silent }), question)).toBeNull();
  });
});

describe('authority', () => {
  const { ttlMs, marginMs } = DEFAULT_POLICY;
  const record = recordOf({ set: memberSet([N2, N3], 2) });
  const confirmed = (...ages: readonly (readonly [typeof N2, number, bigint])[]): Facts['confirmations'] =>
    new Map(ages.map(([id, ageMs, at]) => [id, { epoch: epoch(at), askedAtMs: NOW_MS - ageMs }]));

  test('rests on the lease, counted from before the renewal was sent', () => {
    expect(authorityOf(factsOf({}, { renewedAtMs: NOW_MS - 700 }, N1), record)).toEqual({
      by: 'lease',
      untilMs: NOW_MS - 700 + ttlMs - marginMs,
    });
  });

  test('rests on the k-th newest confirmation when etcd is away', () => {
    const facts = factsOf({ confirmations: confirmed([N2, 30, 4n], [N3, 90, 4n]) }, { renewedAtMs: NOW_MS - 60_000 }, N1);
    expect(authorityOf(facts, record)).toEqual({ by: 'confirmations', untilMs: NOW_MS - 90 + ttlMs - marginMs });
  });

  test('counts neither too few confirmations, nor those of another epoch, nor those of strangers', () => {
    for (const confirmations of [confirmed([N2, 30, 4n]), confirmed([N2, 30, 4n], [N3, 30, 3n]), confirmed([N2, 30, 4n], [N1, 30, 4n])]) {
      expect(authorityOf(factsOf({ confirmations }, { renewedAtMs: NOW_MS - 60_000 }, N1), record)?.by).toBe('lease');
    }
  });

  test('never rests on confirmations with nobody in the set, or in async mode', () => {
    const confirmations = confirmed([N2, 30, 4n], [N3, 30, 4n]);
    for (const bare of [recordOf({ set: memberSet([], 0) }), recordOf({ mode: 'async', set: memberSet([], 0) })]) {
      expect(authorityOf(factsOf({ confirmations }, { renewedAtMs: NOW_MS - 60_000 }, N1), bare)?.by).toBe('lease');
    }
  });
});
