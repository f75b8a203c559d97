import { describe, expect, it } from 'vitest';
import { verdictOf, withEpochs, type Op } from '../../../../chaos/workload/workload.ts';

const op = (id: number, timeline: number | null): Op<'write' | 'read'> => ({
  id,
  client: 0,
  route: 'proxy',
  invokedMs: 0,
  endedMs: 1,
  outcome: 'ok',
  origin: { node: 'n1', server: 'a', timeline, lsn: '0/1', backendPid: 1 },
  act: 'write',
});

describe('the verdict of a workload', () => {
  const ops: readonly Op<'write' | 'read'>[] = [
    op(1, 1),
    { ...op(2, 1), outcome: 'failed' },
    { ...op(3, 1), outcome: 'unknown' },
    { ...op(4, 1), act: 'read' },
    { ...op(5, 1), act: 'read', outcome: 'failed' },
  ];
  const isWrite = (act: string): boolean => act === 'write';

  it('counts what was written by its outcome, and what was read only when it was acknowledged', () => {
    const flaws = [{ kind: 'lost', what: 'a' } as const, { kind: 'cycle', what: 'b' } as const, { kind: 'lost', what: 'c' } as const];
    expect(verdictOf('bank', { ops, isWrite, checked: { surfaced: 1, flaws } })).toMatchObject({
      isRead: true,
      acknowledged: 1,
      failed: 1,
      unknown: 1,
      reads: 1,
      surfaced: 1,
      flaws: { lost: ['a', 'c'], cycle: ['b'], torn: [] },
    });
  });

  it('does not look like a pass when nobody could look', () => {
    expect(verdictOf('bank', { ops, isWrite, checked: null })).toMatchObject({ isRead: false, acknowledged: 1 });
  });
});

describe('the epoch of an operation', () => {
  it('is that of the leadership whose timeline it was done on, and none on a standby', () => {
    const told = withEpochs(
      [op(1, 1), op(2, 2), op(3, null), { ...op(4, 1), origin: null }, op(5, 9)],
      [
        { timeline: 1, epoch: '4' },
        { timeline: 2, epoch: '7' },
      ],
    );
    expect(told.map(({ epoch }) => epoch)).toEqual(['4', '7', null, null, null]);
  });
});
