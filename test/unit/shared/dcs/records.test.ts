/** The codecs of everything kept in etcd: what is written is read back equal, and what is damaged is named, never guessed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../../shared/assert.ts';
import {
  decodeHistoryEntry,
  decodeLeader,
  decodeNode,
  decodeOperation,
  decodeProxy,
  encodeHistoryEntry,
  encodeLeader,
  encodeNode,
  encodeOperation,
  encodeProxy,
} from '../../../../shared/dcs/records.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type {
  HistoryEntry,
  LeaderRecord,
  LeaderState,
  NodeRecord,
  OperationRecord,
  SwitchoverStage,
} from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import type { WalPosition } from '../../../../shared/domain/wal-position.ts';

const STAGES: readonly SwitchoverStage[] = [
  'requested',
  'checkpointing',
  'stopping',
  'draining',
  'handing-over',
  'promoting',
  'done',
  'aborted',
];

const anyMember = fc
  .tuple(fc.stringMatching(/^[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?$/), fc.stringMatching(/^[0-9a-f]{12}$/))
  .map(([name, incarnation]) => `${name}~${incarnation}` as MemberId);
const anyMembers = fc.uniqueArray(anyMember, { maxLength: 5 });
const anyEpoch = fc.bigInt({ min: 0n, max: 1n << 62n }).map(epoch);
const anyTimeline = fc.integer({ min: 1, max: 0xffff_ffff }).map(timelineId);
const anyPosition: fc.Arbitrary<WalPosition> = fc.record({
  timeline: anyTimeline,
  lsn: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(lsn),
});
const anyPositionOrNull = fc.option(anyPosition, { nil: null });
const anySet = anyMembers.chain((members) => fc.integer({ min: 0, max: members.length }).map((k) => memberSet(members, k)));
const anyState: fc.Arbitrary<LeaderState> = fc.oneof(
  fc.constant({ kind: 'promoting' } as const),
  fc.constant({ kind: 'serving' } as const),
  fc.record({ kind: fc.constant('released' as const), final: anyPositionOrNull }),
  fc.record({ kind: fc.constant('handing-over' as const), to: anyMember, final: anyPosition }),
);
const anyLeader: fc.Arbitrary<LeaderRecord> = fc.record({
  systemId: fc.stringMatching(/^[0-9]{1,20}$/),
  epoch: anyEpoch,
  seq: fc.nat(),
  holder: anyMember,
  state: anyState,
  mode: fc.constantFrom('quorum', 'async'),
  set: anySet,
  timeline: anyTimeline,
  floor: anyPosition,
  barred: anyMembers,
  ttlMs: fc.integer({ min: 1, max: 86_400_000 }),
  observed: anyPositionOrNull,
  nonce: fc.stringMatching(/^[0-9A-Za-z_-]{8,36}$/),
});
const anyHistory: fc.Arbitrary<HistoryEntry> = fc.record({
  epoch: anyEpoch,
  holder: anyMember,
  timeline: anyTimeline,
  floor: anyPosition,
  ancestors: fc.array(fc.record({ timeline: anyTimeline, end: anyPosition.map(({ lsn }) => lsn) }), { maxLength: 3 }),
  trigger: fc.constantFrom('creation' as const, 'suspicion' as const, 'operator' as const),
  why: fc.string({ unit: 'grapheme' }),
  at: fc.constant('2026-01-01T00:00:00.000Z'),
});
const anyNode: fc.Arbitrary<NodeRecord> = fc.record({
  member: anyMember,
  bootCount: fc.nat(),
  pgHost: fc.constantFrom('10.0.0.1', 'db1.example', '/run/postgresql'),
  pgPort: fc.integer({ min: 1, max: 65_535 }),
  agentUrl: fc.constantFrom('http://10.0.0.1:8008', 'https://[::1]:8008', 'http://db1:8008'),
  priority: fc.integer(),
});
const anyOperation: fc.Arbitrary<OperationRecord> = fc.record({
  id: fc.uuid(),
  kind: fc.constant('switchover' as const),
  from: anyMember,
  to: anyMember,
  stage: fc.constantFrom(...STAGES),
  stagesMs: fc.dictionary(fc.constantFrom(...STAGES), fc.nat(), { noNullPrototype: true }),
  epoch: anyEpoch,
  why: fc.option(fc.string({ unit: 'grapheme' }), { nil: null }),
  requestedAt: fc.constant('2026-01-01T00:00:00.000Z'),
});

const A = 'a~0123456789ab' as MemberId;
const B = 'b~0123456789ab' as MemberId;
const LEADER: LeaderRecord = {
  systemId: '7301',
  epoch: epoch(12n),
  seq: 3,
  holder: A,
  state: { kind: 'serving' },
  mode: 'quorum',
  set: memberSet([B], 1),
  timeline: timelineId(4),
  floor: { timeline: timelineId(4), lsn: lsn(0x3000060n) },
  barred: [],
  ttlMs: 5_000,
  observed: null,
  nonce: 'n0nce-1',
};

function leaderJson(change: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(encodeLeader(LEADER)) as object), ...change });
}

describe('records', () => {
  it('read back what was written: leader', () => {
    fc.assert(
      fc.property(anyLeader, (record) => {
        expect(decodeLeader(encodeLeader(record))).toEqual({ kind: 'ok', value: record });
      }),
    );
  });

  it('read back what was written: history, node, operation', () => {
    fc.assert(
      fc.property(anyHistory, (entry) => {
        expect(decodeHistoryEntry(encodeHistoryEntry(entry))).toEqual({ kind: 'ok', value: entry });
      }),
    );
    fc.assert(
      fc.property(anyNode, (record) => {
        expect(decodeNode(encodeNode(record))).toEqual({ kind: 'ok', value: record });
      }),
    );
    fc.assert(
      fc.property(anyOperation, (record) => {
        expect(decodeOperation(encodeOperation(record))).toEqual({ kind: 'ok', value: record });
      }),
    );
  });

  it('read back what was written: proxy; and nobody is reached by a damaged one', () => {
    const record = { id: 'p1', rwPort: 5000, roPort: 5001, url: 'http://10.0.0.1:8009' };
    expect(decodeProxy(encodeProxy(record))).toEqual({ kind: 'ok', value: record });
    for (const url of [1, 'nowhere', 'file:///etc/passwd', `http://${'h'.repeat(600)}`])
      expect(decodeProxy(JSON.stringify({ version: 1, ...record, url })).kind).toBe('malformed');
  });

  it('carry the nonce in the text as it is, so that it can be found there', () => {
    fc.assert(fc.property(anyLeader, (record) => encodeLeader(record).includes(record.nonce)));
  });

  it('show large numbers as an operator knows them', () => {
    expect(JSON.parse(encodeLeader(LEADER))).toMatchObject({ version: 1, epoch: '12', floor: { timeline: 4, lsn: '0/3000060' } });
  });

  it.each([
    ['another format version', { version: 2 }, 'version'],
    ['an epoch as a number', { epoch: 12 }, 'epoch'],
    ['a negative epoch', { epoch: '-1' }, 'epoch'],
    ['a damaged LSN', { floor: { timeline: 4, lsn: '0-3000060' } }, 'floor.lsn'],
    ['timeline 0', { timeline: 0 }, 'timeline'],
    ['a bare node name as the holder', { holder: 'a' }, 'holder'],
    ['a state nobody knows', { state: { kind: 'resting' } }, 'state'],
    ['handing over to nobody', { state: { kind: 'handing-over', final: null } }, 'state'],
    ['more acknowledgements than members', { set: { members: [B], k: 2 } }, 'set'],
    ['a member listed twice', { set: { members: [B, B], k: 1 } }, 'set'],
    ['a field of a later version', { quarantined: [] }, 'quarantined'],
    ['an empty nonce', { nonce: '' }, 'nonce'],
    ['no ttl', { ttlMs: undefined }, 'ttlMs'],
  ])('refuse a leader record with %s', (_what, change, where) => {
    const decoded = decodeLeader(leaderJson(change));
    expect(decoded.kind).toBe('malformed');
    expect(decoded.kind === 'malformed' && decoded.why).toContain(where);
  });

  it('name text that is not JSON, or not an object', () => {
    for (const text of ['', '{', 'null', '[]', '"x"', '1']) expect(decodeLeader(text).kind).toBe('malformed');
  });

  it('never throw on foreign text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json()),
        (text) => decodeLeader(text).kind === 'malformed' && decodeOperation(text).kind === 'malformed',
      ),
    );
  });

  it('ignore fields they do not know where nothing is decided by them', () => {
    const node: NodeRecord = { member: A, bootCount: 1, pgHost: 'h', pgPort: 5432, agentUrl: 'http://h:8008', priority: 0 };
    expect(decodeNode(JSON.stringify({ ...(JSON.parse(encodeNode(node)) as object), zone: 'x' }))).toEqual({ kind: 'ok', value: node });
  });

  it('treat writing a record that cannot be read as our own error', () => {
    expect(() => encodeLeader({ ...LEADER, set: { members: [], k: 1 } })).toThrow(InvariantError);
    expect(() => encodeLeader({ ...LEADER, nonce: 'a"b' })).toThrow(InvariantError);
  });
});
