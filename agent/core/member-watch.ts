/**
 * Who streams from us, since when, and how closely: the memory behind every set change (PROTOCOL P7.4, P10 "members gone"). A member is
 * enlisted only when it streams directly, on our timeline, within a segment, for two heartbeats; it is removed after `removeAfterMs` away.
 */
import { bytesBetween } from '../../shared/domain/lsn.ts';
import { memberSet, NOBODY, quorumFor, type MemberSet } from '../../shared/domain/member-set.ts';
import { nameOf, parseMemberId, type MemberId } from '../../shared/domain/node-id.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { ServerFacts } from '../postgres/port.ts';
import type { Facts } from './facts.ts';
import type { MemberSeen, Memory } from './memory.ts';

/** PROTOCOL P6 join: lag ≤ 1 segment. */
const CAUGHT_UP_BYTES = 16 * 1024 * 1024;

export function watchMembers(facts: Facts, memory: Memory, server: ServerFacts, record: LeaderRecord): Memory {
  const seenAtMs = facts.server.seenAtMs;
  const flushed = server.flushedLsn;
  const known = new Set<MemberId>([...memory.members.keys(), ...record.set.members]);
  const streaming = new Map<MemberId, number>();
  for (const sender of server.walSenders) {
    const member = parseMemberId(sender.applicationName);
    if (member === null || sender.state !== 'streaming' || sender.flushLsn === null || flushed === null) continue;
    known.add(member);
    streaming.set(member, bytesBetween(sender.flushLsn, flushed));
  }
  const members = new Map<MemberId, MemberSeen>();
  for (const member of known) {
    const before = memory.members.get(member);
    const leadingSinceMs = memory.leadingSinceMs ?? seenAtMs;
    const lagBytes = streaming.get(member);
    if (lagBytes === undefined) {
      // Forget strangers that left; keep those who still stand in the record, or were there a moment ago.
      // Nobody can have streamed from us before we were there to stream from.
      const last = Math.max(before?.lastStreamingAtMs ?? 0, leadingSinceMs);
      if (record.set.members.includes(member) || facts.nowMs - last < 60_000)
        members.set(member, { streamingSinceMs: null, lastStreamingAtMs: last, caughtUpSinceMs: null });
      continue;
    }
    members.set(member, {
      streamingSinceMs: before?.streamingSinceMs ?? seenAtMs,
      lastStreamingAtMs: seenAtMs,
      caughtUpSinceMs: lagBytes <= CAUGHT_UP_BYTES ? (before?.caughtUpSinceMs ?? seenAtMs) : null,
    });
  }
  return { ...memory, members, leadingSinceMs: memory.leadingSinceMs ?? seenAtMs };
}

/** The set this holder wants now. */
export function targetSet(facts: Facts, memory: Memory, record: LeaderRecord): MemberSet {
  const { policy } = facts.self;
  if (policy.mode === 'async') return NOBODY;
  const kept = record.set.members.filter((member) => isPresent(facts, memory, member));
  const joined = [...memory.members.keys()].filter(
    (member) => !record.set.members.includes(member) && mayEnlist(facts, memory, record, member),
  );
  const wanted = [...kept, ...joined];
  if (wanted.length > 0) return memberSet(wanted, quorumFor(wanted.length, policy.k));
  if (record.set.k === 0) return NOBODY;
  return mayDegrade(facts, memory, record) || haveAllLeft(facts, memory, record) ? NOBODY : record.set;
}

function isPresent(facts: Facts, memory: Memory, member: MemberId): boolean {
  const seen = memory.members.get(member);
  if (facts.leaving.has(member)) return false;
  return seen !== undefined && (seen.streamingSinceMs !== null || !facts.reached(seen.lastStreamingAtMs + facts.self.policy.removeAfterMs));
}

function mayEnlist(facts: Facts, memory: Memory, record: LeaderRecord, member: MemberId): boolean {
  const seen = memory.members.get(member);
  if (seen === undefined || seen.streamingSinceMs === null || seen.caughtUpSinceMs === null) return false;
  if (facts.leaving.has(member) || record.barred.includes(member) || facts.store.nodes.get(nameOf(member))?.member !== member) return false;
  const peer = facts.peers.get(nameOf(member));
  if (peer !== undefined && peer.promised > record.epoch) return false;
  return facts.reached(seen.caughtUpSinceMs + 2 * facts.self.policy.heartbeatMs);
}

/**
 * P7.7: only when every member has been away for long, none of those we hear has promised somebody else, and a write of our own has been committed
 * since: a leader whose disk hangs loses its standbys too, and alone it would keep everybody else out for ever (H12).
 */
function mayDegrade(facts: Facts, memory: Memory, record: LeaderRecord): boolean {
  const { policy } = facts.self;
  if (policy.strict || facts.nowMs - facts.server.seenAtMs > policy.removeAfterMs) return false;
  const allAway = record.set.members.every((member) => hasGone(facts, memory, member));
  const lastSeenMs = Math.max(...record.set.members.map((member) => memory.members.get(member)?.lastStreamingAtMs ?? 0));
  const { strokeDoneAtMs } = facts.health;
  if (strokeDoneAtMs === null || strokeDoneAtMs < lastSeenMs) return false;
  return allAway && ![...facts.peers.values()].some((peer) => peer.promised > record.epoch);
}

function hasGone(facts: Facts, memory: Memory, member: MemberId): boolean {
  const seen = memory.members.get(member);
  return seen !== undefined && seen.streamingSinceMs === null && facts.reached(seen.lastStreamingAtMs + facts.self.policy.degradeAfterMs);
}

/**
 * Those who ask to be let go have nothing to give until they are: keeping them in the record, strict or not, would leave it without any member that
 * could ever acknowledge. Strict still blocks, by the placeholder, until one of them has caught up.
 */
function haveAllLeft(facts: Facts, memory: Memory, record: LeaderRecord): boolean {
  const { members } = record.set;
  return (
    members.some((member) => facts.leaving.has(member)) &&
    members.every((member) => facts.leaving.has(member) || hasGone(facts, memory, member))
  );
}

/** How many of the set's members have flushed past a position. */
export function flushedPast(server: ServerFacts, set: MemberSet, position: bigint): number {
  return set.members.filter((member) =>
    server.walSenders.some((sender) => sender.applicationName === member && sender.flushLsn !== null && sender.flushLsn >= position),
  ).length;
}
