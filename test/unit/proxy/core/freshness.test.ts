import { describe, expect, it } from 'vitest';
import type { DurabilityMode } from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId, type TimelineHistory } from '../../../../shared/domain/timeline.ts';
import type { WalExtent } from '../../../../shared/domain/wal-position.ts';
import { judgeLeader, judgeStandby, stalenessOf, type Freshness } from '../../../../proxy/core/freshness.ts';
import type { ReadWish } from '../../../../proxy/core/read-wish.ts';
import { withFact, type View } from '../../../../proxy/core/view.ts';
import { fact, N1, N2, name, node, NOW_MS, OPEN, STREAMING, threeNodes, withNodeView } from './fixture.ts';

/** Timeline 3 left 2 at 200; timeline 1 was left at 100. */
const HISTORY: TimelineHistory = {
  timeline: timelineId(3),
  ancestors: [
    { timeline: timelineId(1), end: lsn(100n) },
    { timeline: timelineId(2), end: lsn(200n) },
  ],
};
/** The same, seen before the last failover. */
const OLDER: TimelineHistory = { timeline: timelineId(2), ancestors: HISTORY.ancestors.slice(0, 1) };

function at(position: number, history = HISTORY): WalExtent {
  return { history, lsn: lsn(BigInt(position)) };
}

function after(timeline: number, position: number): ReadWish {
  return { after: { timeline: timelineId(timeline), lsn: lsn(BigInt(position)) }, maxStalenessMs: null };
}

function inMode(mode: DurabilityMode, view: View = threeNodes()): View {
  return { ...view, leader: view.leader === null ? null : { ...view.leader, mode } };
}

describe('judgeStandby', () => {
  const cases: readonly (readonly [string, WalExtent | null, ReadWish, Freshness, Freshness])[] = [
    ['has replayed exactly that much', at(250), after(3, 250), 'fit', 'fit'],
    ['lacks one byte', at(249), after(3, 250), 'behind', 'behind'],
    ['says nothing of its position', null, after(3, 250), 'behind', 'behind'],
    ['has not heard of the timeline', at(999, OLDER), after(3, 250), 'behind', 'behind'],
    ['has a token of an older timeline, before the fork', at(250), after(2, 200), 'fit', 'fit'],
    ['is on the way to a token before the fork', at(150), after(2, 180), 'behind', 'behind'],
    ['has passed the fork that cut the token off', at(200), after(2, 201), 'fit', 'lost'],
    ['has not come to the fork that cut the token off', at(199), after(2, 201), 'behind', 'lost'],
    ['never had that timeline', at(250, { timeline: timelineId(4), ancestors: [] }), after(2, 1), 'lost', 'lost'],
  ];
  it.each(cases)('a standby that %s', (_what, replayed, wish, quorum, async) => {
    const one = fact(N2, STREAMING, { replayed });
    expect(judgeStandby(one, wish, { view: inMode('quorum'), nowMs: NOW_MS })).toBe(quorum);
    expect(judgeStandby(one, wish, { view: inMode('async'), nowMs: NOW_MS })).toBe(async);
  });

  it('measures age by when the leader was last seen at a position that the standby shows', () => {
    const trail = [100, 200, 300].map((position, index) => ({
      atMs: NOW_MS - 1_000 * (3 - index),
      position: { timeline: timelineId(3), lsn: lsn(BigInt(position)) },
    }));
    expect([99, 100, 299, 300].map((position) => stalenessOf(at(position), trail, NOW_MS))).toEqual([null, 3_000, 2_000, 1_000]);
    const view = { ...threeNodes(), trail };
    const judge = (maxStalenessMs: number): Freshness =>
      judgeStandby(fact(N2, STREAMING, { replayed: at(299) }), { after: null, maxStalenessMs }, { view, nowMs: NOW_MS });
    expect([judge(1_999), judge(2_000)]).toEqual(['behind', 'fit']);
  });
});

describe('judgeLeader', () => {
  const known = (mode: DurabilityMode): View => inMode(mode, withNodeView(threeNodes(), 'n1', node(N1, 5431, OPEN, { replayed: at(500) })));

  it.each([
    ['its own timeline, however far', after(3, 9_999), 'fit', 'fit'],
    ['an older one before the fork', after(2, 200), 'fit', 'fit'],
    ['an older one behind the fork', after(2, 201), 'fit', 'lost'],
    ['a timeline that is still to come', after(4, 1), 'behind', 'behind'],
    ['nothing', { after: null, maxStalenessMs: 1 }, 'fit', 'fit'],
  ] as const)('of %s', (_what, wish, quorum, async) => {
    expect([judgeLeader(known('quorum'), wish), judgeLeader(known('async'), wish)]).toEqual([quorum, async]);
  });

  it('takes the word of no history for nothing, and in async mode waits for one', () => {
    expect([judgeLeader(inMode('quorum'), after(2, 9_999)), judgeLeader(inMode('async'), after(2, 9_999))]).toEqual(['fit', 'behind']);
  });
});

describe('the trail', () => {
  const seen = (view: View, atMs: number, position: number, more: Parameters<typeof fact>[2] = {}): View =>
    withFact(view, name('n1'), fact(N1, OPEN, { replayed: at(position), seenAtMs: atMs, ...more }));

  it('grows by what a leader says that is sure of its right, and never runs backwards', () => {
    let view = seen(threeNodes(), 1_000, 10);
    view = seen(view, 900, 5);
    view = seen(view, 2_000, 20);
    view = withFact(view, name('n1'), fact(N1, { kind: 'primary', open: false }, { replayed: at(99), seenAtMs: 3_000 }));
    view = withFact(view, name('n2'), fact(N2, OPEN, { replayed: at(99), seenAtMs: 3_000 }));
    expect(view.trail.map(({ atMs, position }) => [atMs, position.lsn])).toEqual([
      [1_000, 10n],
      [2_000, 20n],
    ]);
  });

  it('is bounded, and keeps reaching back while the questions come thick', () => {
    let view = threeNodes();
    for (let atMs = 0; atMs < 60_000; atMs += 10) view = seen(view, atMs, atMs);
    expect(view.trail.length).toBeLessThanOrEqual(256);
    expect(view.trail[0]?.atMs).toBe(0);
    expect(view.trail.at(-1)?.atMs).toBe(59_990);
    for (let atMs = 60_000; atMs < 400_000; atMs += 500) view = seen(view, atMs, atMs);
    expect(view.trail).toHaveLength(256);
  });
});
