import { describe, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import type { WalExtent } from '../../../../shared/domain/wal-position.ts';
import type { LeaderState } from '../../../../shared/domain/leader-record.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';
import {
  isKnownClosed,
  routeReadOnly,
  routeReadWrite,
  routeToLeader,
  type Load,
  type Question,
  type ReadRoute,
} from '../../../../proxy/core/route.ts';
import { NO_WISH } from '../../../../proxy/core/read-wish.ts';
import { EMPTY_VIEW, type View } from '../../../../proxy/core/view.ts';
import { leader, member, N1, N2, N3, name, node, NOW_MS, OPEN, STREAMING, threeNodes, withNodeView } from './fixture.ts';

const POLICY = { maxLagBytes: 1_000, fallback: 'primary', waitMs: 500 } as const;
const ASKED = { nowMs: NOW_MS, wish: NO_WISH, waitedMs: 0 };
const FINAL = { timeline: timelineId(1), lsn: lsn(1n) };

function load(sessions: Readonly<Record<string, number>> = {}, turn = 0, avoid: readonly MemberId[] = []): Load {
  return { sessionsOn: (one) => sessions[one] ?? 0, turn, avoid: new Set(avoid) };
}

function targetName(route: ReadRoute): string | null {
  return route.kind === 'target' ? route.target.name : null;
}

describe('routeReadWrite', () => {
  const states: readonly (readonly [string, LeaderState, string | null])[] = [
    ['serving', { kind: 'serving' }, 'n1'],
    ['promoting', { kind: 'promoting' }, null],
    ['released', { kind: 'released', final: null }, null],
    ['released with its final position', { kind: 'released', final: FINAL }, null],
    ['handing-over', { kind: 'handing-over', to: N2, final: FINAL }, null],
  ];
  it.each(states)('leads to the holder only while it serves: %s', (_state, state, expected) => {
    expect(targetName(routeReadWrite({ ...threeNodes(), leader: leader(N1, 5, state) }))).toBe(expected);
  });

  it('leads nowhere before the first record', () => {
    expect(targetName(routeReadWrite(EMPTY_VIEW))).toBeNull();
  });

  it('never uses the address of another incarnation of the same name', () => {
    expect(targetName(routeReadWrite({ ...threeNodes(), leader: leader(member('n1', 'b'), 6) }))).toBeNull();
  });

  it('binds the session to the epoch and the incarnation', () => {
    const route = routeReadWrite(threeNodes());
    expect(route).toMatchObject({ target: { port: 5431, bond: { kind: 'leader', epoch: epoch(5n), member: N1 } } });
  });

  it('needs no word from the agent', () => {
    const silent: View = withNodeView(threeNodes(), 'n1', { ...node(N1, 5431, OPEN), fact: null, silentSinceMs: 0 });
    expect(targetName(routeReadWrite(silent))).toBe('n1');
  });
});

describe('routeReadOnly', () => {
  it('takes the standby with the fewest sessions', () => {
    expect(targetName(routeReadOnly(threeNodes(), POLICY, load({ [N2]: 3, [N3]: 2 }), ASKED))).toBe('n3');
  });

  it('takes equals in turn', () => {
    const chosen = [0, 1, 2, 3].map((turn) => targetName(routeReadOnly(threeNodes(), POLICY, load({}, turn), ASKED)));
    expect(chosen).toEqual(['n2', 'n3', 'n2', 'n3']);
  });

  it('gives a standby that lags to the limit half as many sessions, and heeds no lag of a few bytes', () => {
    const lagging = withNodeView(threeNodes(), 'n2', node(N2, 5432, STREAMING, { lagBytes: 1_000 }));
    expect(targetName(routeReadOnly(lagging, POLICY, load({ [N2]: 1, [N3]: 2 }), ASKED))).toBe('n3');
    expect(targetName(routeReadOnly(lagging, POLICY, load({ [N2]: 1, [N3]: 4 }), ASKED))).toBe('n2');
    const level = withNodeView(threeNodes(), 'n2', node(N2, 5432, STREAMING, { lagBytes: 20 }));
    expect([0, 1].map((turn) => targetName(routeReadOnly(level, POLICY, load({}, turn), ASKED)))).toEqual(['n2', 'n3']);
  });

  it('avoids a standby that just failed, but takes it when it is the only one', () => {
    expect(targetName(routeReadOnly(threeNodes(), POLICY, load({ [N3]: 9 }, 0, [N2]), ASKED))).toBe('n3');
    expect(targetName(routeReadOnly(threeNodes(), POLICY, load({}, 1, [N2, N3]), ASKED))).toBe('n3');
  });

  const unfit = [
    ['does not stream', node(N2, 5432, { kind: 'standby', streaming: false })],
    ['is too far behind', node(N2, 5432, STREAMING, { lagBytes: 1_001 })],
    ['has an unknown lag', node(N2, 5432, STREAMING, { lagBytes: null })],
    ['follows an older epoch', node(N2, 5432, STREAMING, { epoch: epoch(4n) })],
    ['is a primary', node(N2, 5432, OPEN)],
    ['answered too long ago', node(N2, 5432, STREAMING, { askedAtMs: NOW_MS - 2_501 })],
    ['answers no more', { ...node(N2, 5432, STREAMING), silentSinceMs: NOW_MS - 1 }],
    ['speaks for another incarnation', node(N2, 5432, STREAMING, { member: member('n2', 'b') })],
  ] as const;
  it.each(unfit)('never takes a standby that %s', (_why, unfitNode) => {
    const view = withNodeView(threeNodes(), 'n2', unfitNode);
    for (const turn of [0, 1, 2]) expect(targetName(routeReadOnly(view, POLICY, load({ [N3]: 50 }, turn), ASKED))).toBe('n3');
  });

  it('accepts a lag of exactly the limit', () => {
    const view = withNodeView(threeNodes(), 'n2', node(N2, 5432, STREAMING, { lagBytes: 1_000 }));
    expect(targetName(routeReadOnly(view, POLICY, load({ [N3]: 1 }), ASKED))).toBe('n2');
  });

  const alone: View = {
    leader: leader(N1, 5),
    nodes: new Map([[name('n1'), node(N1, 5431, OPEN)]]),
    operation: null,
    proxies: new Map(),
    trail: [],
  };
  it('falls back to the primary when the policy says so, and binds the session to the leader', () => {
    expect(routeReadOnly(alone, POLICY, load(), ASKED)).toMatchObject({ target: { name: 'n1', bond: { kind: 'leader' } } });
  });

  it('waits only a short while for a standby when the policy forbids the primary', () => {
    const route = routeReadOnly(alone, { ...POLICY, fallback: 'refuse' }, load(), ASKED);
    expect(route).toMatchObject({ kind: 'none', waitMs: 2_000 });
  });

  it('waits for a leader as long as any other client when there is none', () => {
    const route = routeReadOnly(
      { ...alone, leader: leader(N1, 5, { kind: 'promoting' }) },
      { ...POLICY, fallback: 'refuse' },
      load(),
      ASKED,
    );
    expect(route).toMatchObject({ kind: 'none', waitMs: null });
  });
});

describe('a session that wishes to see something', () => {
  const at = (lsnAt: bigint): { replayed: WalExtent } => ({
    replayed: { history: { timeline: timelineId(3), ancestors: [{ timeline: timelineId(2), end: lsn(50n) }] }, lsn: lsn(lsnAt) },
  });
  const view = withNodeView(
    withNodeView(threeNodes(), 'n2', node(N2, 5432, STREAMING, at(90n))),
    'n3',
    node(N3, 5433, STREAMING, at(110n)),
  );
  const asked = (position: bigint, waitedMs = 0, timeline = 3): Question => ({
    nowMs: NOW_MS,
    wish: { after: { timeline: timelineId(timeline), lsn: lsn(position) }, maxStalenessMs: null },
    waitedMs,
  });
  const refuse = { ...POLICY, fallback: 'refuse' } as const;

  it('gets the standby that shows it, although the other one has less to do', () => {
    for (const turn of [0, 1]) expect(targetName(routeReadOnly(view, POLICY, load({ [N3]: 99 }, turn), asked(100n)))).toBe('n3');
  });

  it('waits while all standbys are behind, then gets the leader, or is told', () => {
    expect(routeReadOnly(view, POLICY, load(), asked(120n, 200))).toMatchObject({ kind: 'behind', retryMs: 300 });
    expect(targetName(routeReadOnly(view, POLICY, load(), asked(120n, 500)))).toBe('n1');
    expect(routeReadOnly(view, refuse, load(), asked(120n, 500))).toMatchObject({ kind: 'unmet' });
  });

  it('gets the leader at once where there is no standby to wait for', () => {
    const alone: View = { ...view, nodes: new Map([[name('n1'), node(N1, 5431, OPEN)]]) };
    expect(targetName(routeReadOnly(alone, POLICY, load(), asked(120n)))).toBe('n1');
  });

  it('waits for a leader that is still to come, on both ports, and is told when none comes', () => {
    expect(routeToLeader(view, POLICY, asked(1n, 0, 4))).toMatchObject({ kind: 'behind' });
    expect(routeToLeader(view, POLICY, asked(1n, 500, 4))).toMatchObject({ kind: 'unmet' });
    expect(routeReadOnly(view, POLICY, load(), asked(1n, 500, 4))).toMatchObject({ kind: 'unmet' });
  });

  it('is told when its history was cut off where that may have lost it', () => {
    const async: View = { ...view, leader: { ...leader(N1, 5), mode: 'async' } };
    expect(routeReadOnly(async, POLICY, load(), asked(60n, 0, 2))).toEqual({ kind: 'lost' });
    expect(targetName(routeReadOnly(view, POLICY, load(), asked(60n, 0, 2)))).not.toBeNull();
  });
});

describe('isKnownClosed', () => {
  const closed = [
    [OPEN, false],
    [{ kind: 'primary', open: false }, true],
    [{ kind: 'starting' }, true],
    [{ kind: 'stopped' }, true],
    [{ kind: 'absent' }, true],
    [{ kind: 'unknown', why: 'silent' }, false],
    [STREAMING, false],
  ] as const;
  it.each(closed)('a server whose agent says %j is closed: %s', (postgres, expected) => {
    const view = withNodeView(threeNodes(), 'n1', node(N1, 5431, postgres));
    const route = routeReadWrite(view);
    if (route.kind !== 'target') throw new Error('no target');
    expect(isKnownClosed(view, route.target, NOW_MS)).toBe(expected);
    expect(isKnownClosed(view, route.target, NOW_MS + 10_000)).toBe(false);
  });
});
