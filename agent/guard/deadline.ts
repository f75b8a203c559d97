/**
 * May this PostgreSQL be a primary now? Pure: the guard asks at the moment of every act and again every few milliseconds while one runs.
 * It knows no clock of its own. Upholds PROTOCOL P8 (A4), I7 and I11.
 */
import type { GuardPurpose } from './protocol.ts';

/** The right to be a primary: for one epoch, until an instant of this machine's monotonic clock. */
export type Right = { readonly epoch: bigint; readonly untilMs: number };

export type RightChange = { readonly kind: 'accepted'; readonly right: Right } | { readonly kind: 'refused'; readonly why: string };

const LONG_AGO_MS = Number.NEGATIVE_INFINITY;

/**
 * Answers to renewals may overtake each other, so within one epoch a deadline only moves forward; `untilMs` null ends the right. A lower
 * epoch never speaks for a higher one.
 */
export function changeRight(current: Right | null, epoch: bigint, untilMs: number | null): RightChange {
  if (current !== null && epoch < current.epoch)
    return { kind: 'refused', why: `epoch ${String(epoch)} is older than ${String(current.epoch)}` };
  if (untilMs === null) return { kind: 'accepted', right: { epoch, untilMs: LONG_AGO_MS } };
  const former = current !== null && current.epoch === epoch ? current.untilMs : LONG_AGO_MS;
  return { kind: 'accepted', right: { epoch, untilMs: Math.max(former, untilMs) } };
}

/** Null: the act is allowed now. Otherwise why not. `promised` null: the node file could not be read, so nothing is known. */
export function whyNotPrimary(act: {
  readonly epoch: bigint;
  readonly right: Right | null;
  readonly promised: bigint | null;
  readonly nowMs: number;
}): string | null {
  const { epoch, right, promised, nowMs } = act;
  if (promised === null) return 'the node file could not be read';
  if (promised > epoch) return `this node has promised epoch ${String(promised)}, the act is for ${String(epoch)}`;
  if (right === null) return 'no deadline was ever given';
  if (right.epoch !== epoch) return `the deadline is for epoch ${String(right.epoch)}, the act is for ${String(epoch)}`;
  if (nowMs >= right.untilMs) return 'the deadline has passed';
  return null;
}

/** A primary, or a standby that was told to become one, without a valid right. */
export function mustFence(
  server: { readonly purpose: GuardPurpose; readonly promoted: boolean },
  right: Right | null,
  nowMs: number,
): boolean {
  const mayBePrimary = server.promoted || server.purpose.kind === 'primary';
  return mayBePrimary && (right === null || nowMs >= right.untilMs);
}
