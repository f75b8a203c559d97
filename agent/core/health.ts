/**
 * Gray failures (PROTOCOL P10, F2, F18–F20): a PostgreSQL that lives and does no work. What a monitor usually asks stays green on a hung disk or behind a
 * stopped postmaster; a committed write, a fresh connection and a write beside the data do not. Judges only what has been tried in this node's own
 * waking time, and never whether somebody else would do better: that is the holder's decision.
 */
import { nameOf } from '../../shared/domain/node-id.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { readQuorumSize } from '../../shared/domain/member-set.ts';
import type { Facts } from './facts.ts';

/** Instants since when an attempt has been without success; null: the last one succeeded, or none has been made. */
export type Health = {
  /** A tiny commit of the leader's own, durable on its own disk. */
  readonly strokeSinceMs: number | null;
  readonly strokeDoneAtMs: number | null;
  /** A new session. */
  readonly knockSinceMs: number | null;
  /** A write and fsync beside the data directory's files. */
  readonly diskSinceMs: number | null;
  /** The server answers new sessions by saying that it has no room: it lives, and an operator has to hear of it. */
  readonly isFull: boolean;
};

export const UNTRIED: Health = { strokeSinceMs: null, strokeDoneAtMs: null, knockSinceMs: null, diskSinceMs: null, isFull: false };

/** Why the local PostgreSQL counts as dead although it lives; null: it does not. */
export function whySick(facts: Facts): string | null {
  const { health } = facts;
  const { stallMs } = facts.self.policy;
  if (isLate(facts, health.strokeSinceMs)) return `no write has been committed for ${String(stallMs)} ms`;
  if (isLate(facts, health.knockSinceMs)) return `no new session has been answered for ${String(stallMs)} ms`;
  if (isLate(facts, health.diskSinceMs)) return `the disk of the data directory has taken no write for ${String(stallMs)} ms`;
  return null;
}

function isLate(facts: Facts, sinceMs: number | null): boolean {
  return sinceMs !== null && facts.reached(Math.max(sinceMs, facts.awakeSinceMs) + facts.self.policy.stallMs);
}

/** What this node says of itself to those who look for somebody healthier. */
export function isHealthy(facts: Facts): boolean {
  return facts.server.state.kind === 'running' && whySick(facts) === null;
}

/** Enough members are well to take over at once: a holder that gives up for less trades a slow leader for none. */
export function isSomebodyHealthier(facts: Facts, record: LeaderRecord): boolean {
  if (record.mode === 'async') {
    const others = [...facts.peers.values()].filter((peer) => peer.healthy && peer.epoch === record.epoch && peer.extent !== null);
    return others.some(({ priority }) => priority > 0);
  }
  const quorum = readQuorumSize(record.set);
  if (quorum === 'holder-only') return false;
  const well = record.set.members.filter((member) => {
    const peer = facts.peers.get(nameOf(member));
    return peer?.member === member && peer.healthy && peer.promised <= record.epoch;
  });
  return well.length >= quorum && well.some((member) => (facts.peers.get(nameOf(member))?.priority ?? 0) > 0);
}
