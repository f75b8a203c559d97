// When a store is convicted of having gone back, when it is not, and what brings trust back.
import { describe, expect, test } from 'vitest';
import type { StoreItem, StoreRead } from '../../../../agent/machine/asks.ts';
import { StoreTrust } from '../../../../agent/machine/store-trust.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../../shared/domain/leader-record.ts';
import { historyOf, N2, recordOf, SYSTEM_ID } from '../../../support/facts-builder.ts';

type Read = Extract<StoreRead, { kind: 'read' }>;

function trustOf(accepted: LeaderRecord | null = leaderAt(4n)): StoreTrust {
  return new StoreTrust({ clusterId: '1', revision: 100n, honoured: null, systemId: () => SYSTEM_ID, accepted: () => accepted });
}

function leaderAt(value: bigint, seq = 7): LeaderRecord {
  return recordOf({ epoch: epoch(value), seq });
}

function read(record: LeaderRecord | null, change: Partial<Read> = {}, more: readonly StoreItem[] = []): Read {
  const items: readonly StoreItem[] = record === null ? more : [{ kind: 'leader', record, modRevision: 90n }, ...more];
  return { kind: 'read', clusterId: '1', revision: 101n, items, ...change };
}

const repair = (value: bigint): StoreItem => ({ kind: 'history', entry: historyOf({ epoch: epoch(value), trigger: 'repair' }) });

function judge(trust: StoreTrust, given: Read): ReturnType<StoreTrust['judge']> {
  return trust.judge(given, trust.known());
}

describe('a store is convicted by a read that', () => {
  test.each<readonly [string, Read]>([
    ['comes from another cluster', read(leaderAt(4n), { clusterId: '2' })],
    ['is of a revision below one known when it was asked', read(leaderAt(4n), { revision: 99n })],
    ['shows an older epoch than this node acted on', read(leaderAt(3n))],
    ['shows an older state of the same epoch', read(leaderAt(4n, 6))],
    ['shows no record although one is known', read(null)],
  ])('%s', (_, given) => {
    const trust = trustOf();
    expect(judge(trust, given)).toEqual({ isTrusted: false, isRepaired: false });
    expect(trust.regressed).not.toBeNull();
    // The next read cannot talk it out of it.
    expect(judge(trust, read(leaderAt(3n), { revision: 500n })).isTrusted).toBe(false);
  });

  test('shows less than what a peer acted on, told before it was asked', () => {
    const trust = trustOf();
    const before = trust.known();
    trust.noteHeard(leaderAt(5n));
    expect(trust.judge(read(leaderAt(4n)), before).isTrusted).toBe(true);
    expect(judge(trust, read(leaderAt(4n))).isTrusted).toBe(false);
  });
});

test('a read that was overtaken by news is not held against the store', () => {
  const trust = trustOf();
  const before = trust.known();
  expect(judge(trust, read(leaderAt(6n), { revision: 120n })).isTrusted).toBe(true);
  trust.noteSeen(leaderAt(6n), 120n);
  expect(trust.judge(read(leaderAt(4n), { revision: 110n }), before).isTrusted).toBe(true);
  expect(trust.identity.revision).toBe(120n);
});

test('a store that shows a revision below one that a commit of our own was given is convicted', () => {
  const trust = trustOf();
  trust.noteSeen(leaderAt(4n), 130n);
  expect(judge(trust, read(leaderAt(4n), { revision: 129n })).isTrusted).toBe(false);
});

test('a new node trusts what it finds', () => {
  const trust = new StoreTrust({ clusterId: null, revision: 0n, honoured: null, systemId: () => null, accepted: () => null });
  expect(judge(trust, read(null, { clusterId: '7', revision: 1n })).isTrusted).toBe(true);
  expect(trust.identity).toEqual({ clusterId: '7', revision: 1n, honoured: null });
});

test('whoever was led to another etcd for a while trusts its own again', () => {
  const trust = trustOf();
  judge(trust, read(leaderAt(4n), { clusterId: '2' }));
  expect(judge(trust, read(leaderAt(4n))).isTrusted).toBe(true);
  expect(trust.regressed).toBeNull();
  expect(trust.repairs).toBe(0);
});

test('a record that cannot be read is distrusted for as long as it stands there', () => {
  const trust = trustOf();
  expect(judge(trust, read(null, {}, [{ kind: 'unreadable-leader', why: 'not JSON' }])).isTrusted).toBe(false);
  expect(trust.regressed).toContain('PGB-1204');
  expect(judge(trust, read(leaderAt(4n))).isTrusted).toBe(true);
  expect(trust.regressed).toBeNull();
});

test('an empty store that is distrusted is one where newcomers have to be warned', () => {
  const trust = trustOf();
  judge(trust, read(leaderAt(3n)));
  expect(trust.isWiped).toBe(false);
  judge(trust, read(null));
  expect(trust.isWiped).toBe(true);
});

describe('a repair', () => {
  const other = { clusterId: '2', revision: 3n } as const;

  test('is believed above everything this node knows, under whatever identity', () => {
    const trust = trustOf();
    judge(trust, read(null, other));
    expect(judge(trust, read(leaderAt(5n, 8), { ...other, revision: 4n }, [repair(5n)]))).toEqual({ isTrusted: true, isRepaired: true });
    expect(trust.regressed).toBeNull();
    expect(trust.identity).toEqual({ clusterId: '2', revision: 4n, honoured: epoch(5n) });
    expect(trust.repairs).toBe(1);
    expect(judge(trust, read(leaderAt(5n, 9), { ...other, revision: 5n }, [repair(5n)]))).toEqual({ isTrusted: true, isRepaired: false });
  });

  test('excuses one exchange of the store, and not the next one, with a copy of it', () => {
    const accepted = recordOf({ epoch: epoch(5n), seq: 8 });
    const trust = trustOf(accepted);
    judge(trust, read(null, other));
    expect(judge(trust, read(accepted, { ...other, revision: 4n }, [repair(5n)])).isRepaired).toBe(true);
    const copy = { clusterId: '3', revision: 9n } as const;
    expect(judge(trust, read(leaderAt(6n, 9), copy, [repair(5n)]))).toEqual({ isTrusted: false, isRepaired: false });
    expect(judge(trust, read(leaderAt(7n, 10), copy, [repair(5n), repair(7n)])).isRepaired).toBe(true);
  });

  test('excuses no second exchange in a later life of the agent either, that began with what the former one noted', () => {
    const accepted = recordOf({ epoch: epoch(5n), seq: 8 });
    const trust = trustOf(accepted);
    judge(trust, read(null, other));
    judge(trust, read(accepted, { ...other, revision: 4n }, [repair(5n)]));
    const copy = { clusterId: '3', revision: 9n } as const;
    for (const [honoured, isRepaired] of [[trust.identity.honoured, false] as const, [null, true] as const]) {
      const later = new StoreTrust({ clusterId: '2', revision: 4n, honoured, systemId: () => SYSTEM_ID, accepted: () => accepted });
      expect(judge(later, read(recordOf({ epoch: epoch(5n), seq: 9 }), copy, [repair(5n)])).isRepaired).toBe(isRepaired);
    }
  });

  test('is believed at first sight by a node that was away meanwhile, whatever has been claimed since', () => {
    expect(judge(trustOf(), read(leaderAt(9n, 30), other, [repair(6n)])).isRepaired).toBe(true);
  });

  test.each<readonly [string, Read]>([
    ['it is not above what this node acted on', read(leaderAt(9n), other, [repair(3n)])],
    ['the record is not there', read(null, other, [repair(5n)])],
    ['the record is below it', read(leaderAt(5n), other, [repair(6n)])],
    ['it is of another database', read(recordOf({ epoch: epoch(5n), systemId: '9' }), other, [repair(5n)])],
    ['nobody said that it is one', read(leaderAt(9n), other)],
  ])('is not believed when %s', (_, given) => {
    const trust = trustOf();
    expect(judge(trust, given)).toEqual({ isTrusted: false, isRepaired: false });
  });

  test('is believed by whoever acted on it before reading of it, and by nobody who acted on another leader of that epoch', () => {
    const given = read(leaderAt(5n, 9), other, [repair(5n)]);
    expect(judge(trustOf(leaderAt(5n, 8)), given).isRepaired).toBe(true);
    expect(judge(trustOf(recordOf({ epoch: epoch(5n), seq: 8, holder: N2 })), given).isTrusted).toBe(false);
  });

  test('of another time does not excuse a store that goes back once more', () => {
    const trust = trustOf(leaderAt(5n, 8));
    judge(trust, read(leaderAt(5n, 9), other, [repair(5n)]));
    trust.noteSeen(leaderAt(5n, 12), 9n);
    expect(judge(trust, read(leaderAt(5n, 10), { ...other, clusterId: '3' }, [repair(5n)]))).toEqual({
      isTrusted: false,
      isRepaired: false,
    });
  });

  test('is not believed when a peer has acted on a later epoch', () => {
    const trust = trustOf();
    trust.noteHeard(leaderAt(8n));
    expect(judge(trust, read(leaderAt(5n, 8), other, [repair(5n)])).isTrusted).toBe(false);
    expect(judge(trust, read(leaderAt(8n), other, [repair(5n)])).isTrusted).toBe(true);
  });
});
