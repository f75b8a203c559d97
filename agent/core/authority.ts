/**
 * By what right, and until when, this holder may let its PostgreSQL be a primary (PROTOCOL P8 A1, A2). The lease; or, in quorum mode, k members
 * that have lately confirmed that they have promised nothing above our epoch: any k of them share one with any n − k + 1 that a usurper needs.
 * So a full outage of etcd takes no database down. Both rights count from before the request was sent.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { Facts } from './facts.ts';

export type Authority = { readonly untilMs: number; readonly by: 'lease' | 'confirmations' };

/**
 * The record this node goes by when it says who it is and by what right. An agent that starts while etcd is away has read none yet: the one it acted
 * on last says what it may be confirmed in, and whoever has promised more since does not confirm it.
 */
export function recordInForce({ store, file }: Facts): LeaderRecord | null {
  switch (store.view.kind) {
    case 'present':
      return store.view.record;
    case 'unknown':
      return file.accepted;
    case 'absent':
      return null;
  }
}

/** Null: none. */
export function authorityOf(facts: Facts, record: LeaderRecord): Authority | null {
  if (record.holder !== facts.self.member || (record.state.kind !== 'serving' && record.state.kind !== 'promoting')) return null;
  const { renewedAtMs } = facts.store;
  const rightMs = record.ttlMs - facts.self.policy.marginMs;
  const lease = renewedAtMs === null ? null : renewedAtMs + rightMs;
  const confirmed = confirmedAtMs(facts, record);
  if (confirmed !== null && (lease === null || confirmed + rightMs > lease)) return { untilMs: confirmed + rightMs, by: 'confirmations' };
  return lease === null ? null : { untilMs: lease, by: 'lease' };
}

/** When the k-th newest confirmation was asked for. */
function confirmedAtMs(facts: Facts, record: LeaderRecord): number | null {
  const { set } = record;
  if (record.mode !== 'quorum' || set.k === 0) return null;
  const asked = [...facts.confirmations]
    .filter(([member, confirmation]) => set.members.includes(member) && confirmation.epoch === record.epoch)
    .map(([, confirmation]) => confirmation.askedAtMs)
    .toSorted((a, b) => b - a);
  return asked[set.k - 1] ?? null;
}
