/**
 * Is the holder dead? (PROTOCOL P5.1, P10.) A node that hears neither the holder's agent nor any sign of life of its PostgreSQL has a voice;
 * deposing before the lease ends takes max(n − k + 1, 2) of them, so that one standby with a bad link never starts a failover. Silence is counted
 * in this node's own waking time: a thawed node does not count its sleep. A wrong suspicion is safe in quorum mode; it costs a pause.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { readQuorumSize } from '../../shared/domain/member-set.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { Present } from './decision.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';
import { recentClaims } from './unrest.ts';

/** Who has not heard the holder for longer than this cannot tell a death from never having met. */
const ACQUAINTED_MS = 10_000;
/** So many leaders in a row may be deposed for silence although they renewed; for each one more the silence has to be twice as long. */
const UNQUESTIONED = 2;

/**
 * Whose links to its standbys come and go, but not the one to etcd, renews all the time and would be deposed again and again. Only such a one is given
 * more patience, and never more than its lease: of one that is dead the renewals stop too.
 */
function patienceMs(facts: Facts, memory: Memory): number {
  const { suspectMs, ttlMs } = facts.self.policy;
  const recent = recentClaims(facts, memory, 'suspicion');
  return Math.min(suspectMs * 2 ** Math.max(0, recent - UNQUESTIONED), ttlMs);
}

/** Since when the holder has been silent to this node; null: it is not, or this node may not judge. */
function silentSinceMs(facts: Facts, record: LeaderRecord): number | null {
  const { holder, nowMs, awakeSinceMs, file, self } = facts;
  if (record.holder === self.member || file.dir !== 'ok' || holder.member !== record.holder || holder.heardAtMs === null) return null;
  const signs = [holder.heardAtMs, holder.walMovedAtMs ?? 0, holder.probeAnsweredAtMs ?? 0];
  const lastSignMs = Math.max(...signs);
  if (nowMs - holder.heardAtMs > ACQUAINTED_MS + self.policy.suspectMs) return null;
  // The holder's PostgreSQL must have been asked, and not have answered, since its last sign of life.
  if (holder.probeFailedAtMs === null || holder.probeFailedAtMs < lastSignMs) return null;
  return Math.max(lastSignMs, awakeSinceMs);
}

/** For how long the holder has been silent to this node; null: it is not, or this node may not judge. */
export function holderSilentMs(facts: Facts, record: LeaderRecord): number | null {
  const sinceMs = silentSinceMs(facts, record);
  return sinceMs === null ? null : facts.nowMs - sinceMs;
}

function isVoice(facts: Facts, memory: Memory, { record, firstSeenAtMs }: Present): boolean {
  const sinceMs = silentSinceMs(facts, record);
  const { suspectMs, renewMs, etcdCallMs } = facts.self.policy;
  if (sinceMs === null || !facts.reached(sinceMs + suspectMs)) return false;
  return facts.reached(sinceMs + patienceMs(facts, memory)) || facts.reached(firstSeenAtMs + renewMs + 2 * etcdCallMs);
}

/** Enough voices agree that the holder is gone. */
export function isSuspected(facts: Facts, memory: Memory, present: Present): boolean {
  const { record, firstSeenAtMs } = present;
  if (record.mode !== 'quorum' || !isVoice(facts, memory, present)) return false;
  const quorum = readQuorumSize(record.set);
  if (quorum === 'holder-only') return false;
  const others = [...facts.peers.values()].filter((peer) => peer.member !== record.holder && peer.epoch === record.epoch);
  const agreeing = others.filter(
    (peer) => peer.holderSilentMs !== null && facts.reached(peer.askedAtMs - peer.holderSilentMs + facts.self.policy.suspectMs),
  );
  const needed = Math.max(quorum, 2);
  if (1 + agreeing.length >= needed) return true;
  // Nobody else is there to have a voice. Then the record itself must have gone quiet too, seen by reading it.
  const alone = quorum === 1 && others.every((peer) => nameOf(peer.member) === nameOf(record.holder));
  const { unbrokenSinceMs } = facts.store;
  const { suspectMs, renewMs } = facts.self.policy;
  return alone && unbrokenSinceMs !== null && facts.reached(Math.max(unbrokenSinceMs, firstSeenAtMs) + suspectMs + renewMs);
}

/** Asked after the news of its death, the holder's agent said that it serves: it restarted in place. */
export function isBackSince(facts: Facts, record: LeaderRecord, sinceMs: number): boolean {
  const peer = facts.peers.get(nameOf(record.holder));
  return peer?.member === record.holder && peer.servingAsPrimary && peer.askedAtMs > sinceMs;
}

/** The holder's agent says, or has just said, that it serves: a refusal for whoever wants it deposed for silence (P4.1). */
export function isHeardServing(facts: Facts, record: LeaderRecord): boolean {
  const peer = facts.peers.get(nameOf(record.holder));
  return peer?.member === record.holder && peer.servingAsPrimary && facts.nowMs - peer.heardAtMs < facts.self.policy.suspectMs / 2;
}
