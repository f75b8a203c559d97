import { describe, expect, it } from 'vitest';
import { decideLanding, FORGOTTEN_MS, type MoveOrder } from '../../../../proxy/core/landing.ts';
import type { View } from '../../../../proxy/core/view.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { SwitchoverStage } from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import { leader, N1, N2, NOW_MS, threeNodes } from './fixture.ts';

const ORDER: MoveOrder = { operation: 'move-1', from: N1, to: N2, epoch: epoch(5n) };
const HOLD_MS = 30_000;

function landing(view: Partial<View>, heldMs = 10): ReturnType<typeof decideLanding> {
  return decideLanding(ORDER, { ...threeNodes(), ...view }, { nowMs: NOW_MS, parkedAtMs: NOW_MS - heldMs, holdMs: HOLD_MS });
}

function operation(stage: SwitchoverStage, id = 'move-1'): Partial<View> {
  return { operation: { id, stage } };
}

describe('where parked sessions go on', () => {
  it('is nowhere while the old leader may still be stopping', () => {
    for (const stage of ['requested', 'checkpointing', 'parking', 'stopping', 'draining', 'handing-over', 'promoting'] as const)
      expect(landing(operation(stage))).toEqual({ kind: 'wait' });
    expect(landing({ operation: null })).toEqual({ kind: 'wait' });
  });

  it('is the new leader as soon as it serves, and not before', () => {
    expect(landing({ ...operation('promoting'), leader: leader(N2, 6, { kind: 'promoting' }) })).toEqual({ kind: 'wait' });
    expect(landing({ ...operation('promoting'), leader: leader(N2, 6) })).toMatchObject({ kind: 'land', target: { name: 'n2' } });
  });

  it('is whoever leads a later epoch, even if it is not the one that was meant', () => {
    expect(landing({ leader: leader(N1, 7) })).toMatchObject({ kind: 'land', target: { name: 'n1' } });
  });

  it('is the old leader when the move was called off, and only by the word about this very move', () => {
    expect(landing(operation('aborted'))).toMatchObject({ kind: 'land', target: { name: 'n1' } });
    expect(landing(operation('aborted', 'move-0'))).toEqual({ kind: 'wait' });
    // Called off with the record handed over already: that has to come back first.
    const handed = leader(N1, 5, { kind: 'handing-over', to: N2, final: { timeline: timelineId(3), lsn: lsn(1n) } });
    expect(landing({ ...operation('aborted'), leader: handed })).toEqual({ kind: 'wait' });
  });

  it('is not the old leader when the move is done and only the record is not here yet', () => {
    expect(landing(operation('done'))).toEqual({ kind: 'wait' });
  });

  it('is whoever leads when nothing was heard for too long', () => {
    expect(landing(operation('stopping'), FORGOTTEN_MS - 1)).toEqual({ kind: 'wait' });
    expect(landing(operation('stopping'), FORGOTTEN_MS)).toMatchObject({ kind: 'land', target: { name: 'n1' } });
  });

  it('ends when the longest time that a client is held is over', () => {
    expect(landing({ leader: leader(N2, 6) }, HOLD_MS)).toMatchObject({ kind: 'give-up' });
  });
});
