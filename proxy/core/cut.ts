/**
 * Which sessions a new view ends, and why. Pure. It must never keep a session on a deposed primary: a pooled client that stays there reads
 * old data and collects 25006 for as long as its pool lives.
 */
import { nameOf, type MemberId } from '../../shared/domain/node-id.ts';
import type { Bond } from './route.ts';
import type { View } from './view.ts';

export type CutDecision = { readonly kind: 'keep'; readonly bond: Bond } | { readonly kind: 'cut'; readonly why: string };

/** A vanished host answers no RST; its sessions would hang until TCP gives up, which takes many minutes. */
export const SILENT_NODE_MS = 3_000;

export function decideCut(bond: Bond, view: View, nowMs: number): CutDecision {
  switch (bond.kind) {
    case 'leader':
      return decideLeaderCut(bond, view);
    case 'standby':
      return decideStandbyCut(bond, view, nowMs);
  }
}

function decideLeaderCut(bond: Extract<Bond, { kind: 'leader' }>, view: View): CutDecision {
  const { leader } = view;
  if (leader === null) return { kind: 'keep', bond };
  if (leader.holder !== bond.member) return { kind: 'cut', why: `epoch ${String(leader.epoch)} belongs to ${leader.holder}` };
  switch (leader.state.kind) {
    case 'released':
    case 'handing-over':
      return { kind: 'cut', why: `the leader of epoch ${String(leader.epoch)} is ${leader.state.kind}` };
    case 'promoting':
      // The holder claimed again, so its PostgreSQL had stopped being the primary in between.
      return { kind: 'cut', why: `epoch ${String(leader.epoch)} began with a promotion` };
    case 'serving':
      // The same incarnation raised its own epoch to re-enlist its members (T3) with PostgreSQL running on: nothing ended for the client.
      return { kind: 'keep', bond: leader.epoch === bond.epoch ? bond : { ...bond, epoch: leader.epoch } };
  }
}

function decideStandbyCut(bond: Extract<Bond, { kind: 'standby' }>, view: View, nowMs: number): CutDecision {
  const node = view.nodes.get(nameOf(bond.member));
  if (node === undefined) return { kind: 'cut', why: `${bond.member} left the cluster` };
  if (node.record.member !== bond.member) return { kind: 'cut', why: `${bond.member} was replaced by ${node.record.member}` };
  if (node.silentSinceMs !== null && nowMs - node.silentSinceMs >= SILENT_NODE_MS)
    return { kind: 'cut', why: `${bond.member} is unreachable` };
  return isServerGone(node.fact?.postgres.kind, node.fact?.member ?? null, bond.member)
    ? { kind: 'cut', why: `PostgreSQL of ${bond.member} has stopped` }
    : { kind: 'keep', bond };
}

/** A standby that became the primary keeps its readers; PostgreSQL lets their sessions live through a promotion. */
function isServerGone(kind: string | undefined, member: string | null, bonded: MemberId): boolean {
  return member === bonded && (kind === 'stopped' || kind === 'absent');
}
