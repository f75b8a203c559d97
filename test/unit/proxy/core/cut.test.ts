import { describe, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import { decideCut, SILENT_NODE_MS } from '../../../../proxy/core/cut.ts';
import type { Bond } from '../../../../proxy/core/route.ts';
import { EMPTY_VIEW, withoutNode } from '../../../../proxy/core/view.ts';
import { leader, member, N1, N2, name, node, NOW_MS, OPEN, STREAMING, threeNodes, withNodeView } from './fixture.ts';

const FINAL = { timeline: timelineId(1), lsn: lsn(1n) };

describe('a session on the leader', () => {
  const bond: Bond = { kind: 'leader', epoch: epoch(5n), member: N1 };
  it.each([
    ['keeps while its epoch serves', leader(N1, 5), 'keep'],
    ['keeps before any record was seen', null, 'keep'],
    ['is cut when another holder claims, before it serves', leader(N2, 6, { kind: 'promoting' }), 'cut'],
    ['is cut when another holder serves', leader(N2, 6), 'cut'],
    ['is cut when the leader has released', leader(N1, 5, { kind: 'released', final: null }), 'cut'],
    ['is cut when the leader hands over', leader(N1, 5, { kind: 'handing-over', to: N2, final: FINAL }), 'cut'],
    ['is cut when the same holder claims anew and promotes', leader(N1, 6, { kind: 'promoting' }), 'cut'],
    ['is cut when another incarnation of the same node holds', leader(member('n1', 'b'), 6), 'cut'],
    ['keeps when the same holder raised its own epoch while serving', leader(N1, 7), 'keep'],
  ] as const)('%s', (_claim, current, expected) => {
    expect(decideCut(bond, { ...threeNodes(), leader: current }, NOW_MS).kind).toBe(expected);
  });

  it('follows the epoch that its holder raised', () => {
    expect(decideCut(bond, { ...threeNodes(), leader: leader(N1, 7) }, NOW_MS)).toEqual({
      kind: 'keep',
      bond: { ...bond, epoch: epoch(7n) },
    });
  });

  it('is kept although its agent is silent: only the record ends it', () => {
    const view = withNodeView(threeNodes(), 'n1', { ...node(N1, 5431, OPEN), silentSinceMs: 0 });
    expect(decideCut(bond, view, NOW_MS).kind).toBe('keep');
  });
});

describe('a session on a standby', () => {
  const bond: Bond = { kind: 'standby', member: N2 };
  it.each([
    ['keeps while the standby streams', node(N2, 5432, STREAMING), 'keep'],
    ['keeps while the standby lags or lost its stream', node(N2, 5432, { kind: 'standby', streaming: false }, { lagBytes: null }), 'keep'],
    ['keeps when the standby became the primary', node(N2, 5432, OPEN), 'keep'],
    ['is cut when PostgreSQL stopped', node(N2, 5432, { kind: 'stopped' }), 'cut'],
    ['is cut when the data directory is gone', node(N2, 5432, { kind: 'absent' }), 'cut'],
    ['is cut when another incarnation took the name', node(member('n2', 'b'), 5432, STREAMING), 'cut'],
    ['keeps through a short silence', { ...node(N2, 5432, STREAMING), silentSinceMs: NOW_MS - SILENT_NODE_MS + 1 }, 'keep'],
    ['is cut when the node is silent', { ...node(N2, 5432, STREAMING), silentSinceMs: NOW_MS - SILENT_NODE_MS }, 'cut'],
  ] as const)('%s', (_claim, current, expected) => {
    expect(decideCut(bond, withNodeView(threeNodes(), 'n2', current), NOW_MS).kind).toBe(expected);
  });

  it('is cut when the node left the cluster', () => {
    expect(decideCut(bond, withoutNode(threeNodes(), name('n2')), NOW_MS).kind).toBe('cut');
    expect(decideCut(bond, EMPTY_VIEW, NOW_MS).kind).toBe('cut');
  });

  it('outlives a change of the leader', () => {
    expect(decideCut(bond, { ...threeNodes(), leader: leader(N2, 6) }, NOW_MS).kind).toBe('keep');
  });
});
