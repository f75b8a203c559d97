import { describe, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import type { LeaderState } from '../../../../shared/domain/leader-record.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';
import { isKnownClosed, routeReadOnly, routeReadWrite, type Load, type Route } from '../../../../proxy/core/route.ts';
import { EMPTY_VIEW, type View } from '../../../../proxy/core/view.ts';
import { leader, member, N1, N2, N3, name, node, NOW_MS, OPEN, STREAMING, threeNodes, withNodeView } from './fixture.ts';

const POLICY = { maxLagBytes: 1_000, fallback: 'primary' } as const;
const FINAL = { timeline: timelineId(1), lsn: lsn(1n) };

function load(sessions: Readonly<Record<string, number>> = {}, turn = 0, avoid: readonly MemberId[] = []): Load {
  return { sessionsOn: (one) => sessions[one] ?? 0, turn, avoid: new Set(avoid) };
}

function targetName(route: Route): string | null {
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
    expect(targetName(routeReadOnly(threeNodes(), POLICY, load({ [N2]: 3, [N3]: 2 }), NOW_MS))).toBe('n3');
  });

  it('takes equals in turn', () => {
    const chosen = [0, 1, 2, 3].map((turn) => targetName(routeReadOnly(threeNodes(), POLICY, load({}, turn), NOW_MS)));
    expect(chosen).toEqual(['n2', 'n3', 'n2', 'n3']);
  });

  it('avoids a standby that just failed, but takes it when it is the only one', () => {
    expect(targetName(routeReadOnly(threeNodes(), POLICY, load({ [N3]: 9 }, 0, [N2]), NOW_MS))).toBe('n3');
    expect(targetName(routeReadOnly(threeNodes(), POLICY, load({}, 1, [N2, N3]), NOW_MS))).toBe('n3');
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
    for (const turn of [0, 1, 2]) expect(targetName(routeReadOnly(view, POLICY, load({ [N3]: 50 }, turn), NOW_MS))).toBe('n3');
  });

  it('accepts a lag of exactly the limit', () => {
    const view = withNodeView(threeNodes(), 'n2', node(N2, 5432, STREAMING, { lagBytes: 1_000 }));
    expect(targetName(routeReadOnly(view, POLICY, load({ [N3]: 1 }), NOW_MS))).toBe('n2');
  });

  const alone: View = { leader: leader(N1, 5), nodes: new Map([[name('n1'), node(N1, 5431, OPEN)]]) };
  it('falls back to the primary when the policy says so, and binds the session to the leader', () => {
    expect(routeReadOnly(alone, POLICY, load(), NOW_MS)).toMatchObject({ target: { name: 'n1', bond: { kind: 'leader' } } });
  });

  it('waits only a short while for a standby when the policy forbids the primary', () => {
    const route = routeReadOnly(alone, { ...POLICY, fallback: 'refuse' }, load(), NOW_MS);
    expect(route).toMatchObject({ kind: 'none', waitMs: 2_000 });
  });

  it('waits for a leader as long as any other client when there is none', () => {
    const route = routeReadOnly(
      { ...alone, leader: leader(N1, 5, { kind: 'promoting' }) },
      { ...POLICY, fallback: 'refuse' },
      load(),
      NOW_MS,
    );
    expect(route).toMatchObject({ kind: 'none', waitMs: null });
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
