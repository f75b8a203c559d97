/**
 * How restless leadership has been lately: what this node has seen begin by suspicion, or because a leader did no work. Such evidence may be wrong again
 * and again for the same reason, a bad link or a disk that everybody shares; deaths and plans are not counted.
 */
import type { ClaimTrigger, LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';

export type Doubtful = Extract<ClaimTrigger, 'suspicion' | 'sick'>;

const REMEMBERED_MS = 300_000;
const REMEMBERED_MAX = 32;

/** Counts an epoch once, when it is first seen. */
export function noteClaim({ store, nowMs }: Facts, memory: Memory, record: LeaderRecord): Memory {
  const { unrest } = memory;
  if (unrest === null) return { ...memory, unrest: { epoch: record.epoch, claims: [] } };
  if (unrest.epoch === record.epoch) return memory;
  const trigger = store.history.find(({ epoch }) => epoch === record.epoch)?.trigger;
  const isDoubtful = trigger === 'suspicion' || trigger === 'sick';
  const claims = isDoubtful ? [...unrest.claims, { trigger, atMs: nowMs }].slice(-REMEMBERED_MAX) : unrest.claims;
  return { ...memory, unrest: { epoch: record.epoch, claims } };
}

export function recentClaims({ nowMs }: Facts, { unrest }: Memory, of: Doubtful): number {
  return unrest?.claims.filter(({ trigger, atMs }) => trigger === of && nowMs - atMs < REMEMBERED_MS).length ?? 0;
}
