/**
 * Where parked sessions go on, and when: (what was announced, view, now) → a target, patience, or the end of it. Pure. It must never send a
 * session back to the leader it came from while that leader may still be stopping: the next thing the client heard would be 57P01.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { routeReadWrite, type Target } from './route.ts';
import type { View } from './view.ts';

/** A planned move, as the leader announced it. */
export type MoveOrder = {
  readonly operation: string;
  readonly from: MemberId;
  readonly to: MemberId;
  /** The epoch that ends with it. */ readonly epoch: Epoch;
};

export type Landing =
  | { readonly kind: 'wait' }
  | { readonly kind: 'land'; readonly target: Target }
  | { readonly kind: 'give-up'; readonly why: string };

export type LandingClock = {
  readonly nowMs: number;
  /** Since when clients of this move have been parked. */ readonly parkedAtMs: number;
  /** The longest a client is held at all. */ readonly holdMs: number;
};

/**
 * A leader that has parked clients and was not heard of again for so long has lost its agent or its store. Whoever leads by then is asked: if it is
 * the old one it has not stopped, and if it stops after all its clients are cut as they would have been without us.
 */
export const FORGOTTEN_MS = 15_000;

export function decideLanding({ operation, epoch }: MoveOrder, view: View, { nowMs, parkedAtMs, holdMs }: LandingClock): Landing {
  const heldMs = nowMs - parkedAtMs;
  if (heldMs >= holdMs) return { kind: 'give-up', why: 'the move did not end in time' };
  const { leader } = view;
  const isOver =
    (leader !== null && leader.epoch > epoch) ||
    (view.operation?.id === operation && view.operation.stage === 'aborted') ||
    heldMs >= FORGOTTEN_MS;
  if (!isOver) return { kind: 'wait' };
  const route = routeReadWrite(view);
  return route.kind === 'target' ? { kind: 'land', target: route.target } : { kind: 'wait' };
}
