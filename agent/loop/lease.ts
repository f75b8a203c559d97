/**
 * What the last proven renewal entitles this node to, and handing that deadline to the guard. The right counts from *before* the request was
 * sent, so that no other clock can have counted less.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { messageOf } from '../../shared/errors.ts';
import type { GuardClient } from '../guard/guard-client.ts';
import type { Outcome } from '../postgres/port.ts';
import type { StoreTracker } from '../store/store-tracker.ts';

const FEED_DEADLINE_MS = 500;

/** Null: nothing is proven. */
export function leaseUntilMs(store: StoreTracker, record: LeaderRecord, marginMs: number): number | null {
  const { renewedAtMs } = store.facts();
  return renewedAtMs === null ? null : renewedAtMs + record.ttlMs - marginMs;
}

export async function feedGuard(guard: GuardClient, epoch: Epoch, untilMs: number): Promise<Outcome> {
  try {
    const reply = await guard.request({ kind: 'deadline', epoch: epoch.toString(), untilMs }, FEED_DEADLINE_MS);
    return reply.kind === 'ok' ? { kind: 'done' } : { kind: 'failed', code: 'PGB-1321', why: reply.why };
  } catch (error) {
    return { kind: 'failed', code: 'PGB-1320', why: messageOf(error) };
  }
}
