// What goes back into a store that has gone back: the newest record anybody acted on, above everything promised; and when nobody may decide that.
import { describe, expect, test } from 'vitest';
import { planRepair, type Repair, type Testimony, type Witness } from '../../../../agent/core/repair.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { nameOf, type MemberId } from '../../../../shared/domain/node-id.ts';
import { timelineId, type TimelineHistory } from '../../../../shared/domain/timeline.ts';
import { N1, N2, N3, recordOf } from '../../../support/facts-builder.ts';

const five: LeaderRecord = recordOf({
  epoch: epoch(5n),
  seq: 12,
  holder: N2,
  set: memberSet([N3], 1),
  timeline: timelineId(3),
  floor: { timeline: timelineId(2), lsn: lsn(900n) },
});
const four = recordOf({ epoch: epoch(4n), seq: 9 });
const road: TimelineHistory = {
  timeline: timelineId(3),
  ancestors: [
    { timeline: timelineId(1), end: lsn(500n) },
    { timeline: timelineId(2), end: lsn(900n) },
  ],
};

function witness(member: MemberId, accepted: LeaderRecord | null, change: Partial<Witness> = {}): Witness {
  const promised = accepted?.epoch ?? epoch(0n);
  return { name: nameOf(member), member, promised, accepted, history: road, trusts: null, ...change };
}

function plan(change: Partial<Testimony> = {}): Repair {
  return planRepair({
    witnesses: [witness(N1, four), witness(N2, five), witness(N3, five)],
    silent: [],
    declaredLost: [],
    current: null,
    ...change,
  });
}

test('the newest record goes back, under an epoch that nobody has promised, acted on or seen', () => {
  expect(plan()).toMatchObject({
    kind: 'repair',
    by: 'n2',
    record: { ...five, epoch: 6n, seq: 13 },
    history: { epoch: 6n, holder: N2, trigger: 'repair', timeline: 3, floor: five.floor, ancestors: [road.ancestors[0]] },
  });
  const promised = [witness(N1, four, { promised: epoch(9n) }), witness(N2, five), witness(N3, five)];
  expect(plan({ witnesses: promised })).toMatchObject({ record: { epoch: 10n } });
  expect(plan({ current: recordOf({ epoch: epoch(20n), seq: 99 }) })).toMatchObject({ record: { epoch: 21n, seq: 100, holder: N2 } });
});

test('within an epoch the later change of the set wins', () => {
  const later = { ...five, seq: 14, set: memberSet([N1], 1) };
  const made = plan({ witnesses: [witness(N1, five), witness(N2, later), witness(N3, five)] });
  expect(made).toMatchObject({ record: { set: later.set, seq: 15 } });
});

describe('nothing is put back', () => {
  test.each<readonly [string, Partial<Testimony>, string]>([
    ['while a member of the newest set is silent', { witnesses: [witness(N1, four), witness(N2, five)] }, 'n3'],
    [
      'while any known node is silent',
      { witnesses: [witness(N2, five), witness(N3, five)], silent: ['n1' as Testimony['silent'][number]] },
      'n1',
    ],
    ['when nobody remembers anything', { witnesses: [witness(N1, null), witness(N2, null), witness(N3, null)] }, 'remembers'],
    [
      'when the nodes are of two clusters',
      { witnesses: [witness(N1, { ...four, systemId: '8' }), witness(N2, five), witness(N3, five)] },
      'two clusters',
    ],
    [
      'when a node sees the true record in the store it uses',
      { witnesses: [witness(N1, four), witness(N2, five, { trusts: five }), witness(N3, five)] },
      'etcd.endpoints',
    ],
    [
      'when nobody can say how the timeline came to be',
      { witnesses: [witness(N1, four, { history: null }), witness(N2, five, { history: null }), witness(N3, five, { history: null })] },
      'timeline 2',
    ],
  ])('%s', (_, change, why) => {
    expect(plan(change)).toMatchObject({ kind: 'refused', why: expect.stringContaining(why) });
  });

  test('a silent node may be given up, and only that one', () => {
    const witnesses = [witness(N2, five)];
    const lost = (...names: readonly string[]): Partial<Testimony> => ({ declaredLost: names as Testimony['declaredLost'] });
    expect(plan({ witnesses, ...lost('n1') })).toMatchObject({ kind: 'refused' });
    expect(plan({ witnesses, ...lost('n1', 'n3') })).toMatchObject({ kind: 'repair' });
  });

  test('a node that trusts an older record does not stand in the way', () => {
    expect(plan({ witnesses: [witness(N1, four, { trusts: four }), witness(N2, five), witness(N3, five)] })).toMatchObject({
      kind: 'repair',
    });
  });
});

test('a witness that still stands on the parent timeline knows the road as well', () => {
  const parent: TimelineHistory = { timeline: timelineId(2), ancestors: road.ancestors.slice(0, 1) };
  const made = plan({
    witnesses: [witness(N1, four, { history: parent }), witness(N2, five, { history: null }), witness(N3, five, { history: null })],
  });
  expect(made).toMatchObject({ history: { ancestors: parent.ancestors } });
});
