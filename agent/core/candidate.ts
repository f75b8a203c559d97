/**
 * Taking over (PROTOCOL P5, T1, T2, T11). A trigger says *when* to ask; the fence is always the promises of a read quorum, or the holder's
 * own clean end. The claim compares the revision that quorum, requirement and floor were computed against.
 */
import { assert } from '../../shared/assert.ts';
import { maxEpoch, nextEpoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord } from '../../shared/domain/leader-record.ts';
import { NOBODY, readQuorumSize, type MemberSet } from '../../shared/domain/member-set.ts';
import { nameOf, type MemberId } from '../../shared/domain/node-id.ts';
import { timelineId, type TimelineId } from '../../shared/domain/timeline.ts';
import { contains, extentPosition, formatPosition, type WalExtent, type WalPosition } from '../../shared/domain/wal-position.ts';
import type { Action, Trigger } from './actions.ts';
import { claimedSet, heirSet } from './claimed-set.ts';
import { decision, job, mayRetry, type Decision, type Present } from './decision.ts';
import { isOnRoad, ownBoundary, ownExtent, roadTo } from './extent.ts';
import type { Facts, PromiseAnswer } from './facts.ts';
import { whySick } from './health.ts';
import type { Candidacy, Memory } from './memory.ts';
import { requiredPosition } from './required.ts';
import { isBackSince, isHeardServing, isSuspected } from './suspicion.ts';

/** How long each place in the ranking waits for the better ones before it goes itself (PROTOCOL P5.5). */
const RANK_WAIT_MS = 75;
/** Longer than wal_retrieve_retry_interval: replay has tried again to read on, and still stands before the same half record. */
const GAP_MS = 150;
const ASTRAY = 'its WAL has left the road of the record’s timeline: it may not claim';

export function triggerOf(facts: Facts, memory: Memory, present: Present): Trigger | null {
  const { record } = present;
  const { down, takeover, store, nowMs } = facts;
  const isTold = takeover !== null && takeover.epoch === record.epoch;
  // Whatever the record says: it may be a released one that nobody can claim by the rules, because its k is 0 or its members are gone (simulator seed 35).
  if (isTold && takeover.force) return 'operator';
  if (record.state.kind === 'handing-over') return record.state.to === facts.self.member ? 'handing-over' : ttlTrigger(facts, present);
  if (record.state.kind === 'released') return 'released';
  if (
    down !== null &&
    down.epoch === record.epoch &&
    down.holder === record.holder &&
    record.mode === 'quorum' &&
    !isBackSince(facts, record, down.heardAtMs)
  )
    return down.why;
  if (isTold) return 'operator';
  if (store.lastReadAtMs === null || nowMs - store.lastReadAtMs > record.ttlMs / 4) return null;
  return isSuspected(facts, memory, present) ? 'suspicion' : ttlTrigger(facts, present);
}

/** The record has gone unrenewed for ttl, seen by an unbroken row of successful reads: silence of etcd is not silence of the leader. */
function ttlTrigger(facts: Facts, { record, firstSeenAtMs }: Present): Trigger | null {
  const since = facts.store.unbrokenSinceMs;
  // A leader that is cut off from etcd alone keeps its authority by confirmations; whoever hears it leaves it in peace.
  if (since === null || (record.mode === 'quorum' && isHeardServing(facts, record))) return null;
  return facts.reached(Math.max(since, firstSeenAtMs) + patienceMs(facts, record)) ? 'ttl' : null;
}

function patienceMs(facts: Facts, { mode, ttlMs }: LeaderRecord): number {
  return mode === 'async' ? ttlMs * (1 + facts.self.policy.clockDrift) : ttlMs;
}

/** Null: this node has no business in this election, let it act as a follower. */
export function decideAsCandidate(facts: Facts, memory: Memory, present: Present, trigger: Trigger): Decision | null {
  const { record } = present;
  const { self, file } = facts;
  if (self.priority === 0 || file.dir !== 'ok' || memory.sitOutEpoch === record.epoch || file.systemId !== record.systemId) return null;
  if (facts.server.state.kind !== 'running' || !facts.server.state.facts.inRecovery) return null;
  // A standby that does no work itself still promises and gives its WAL, and leaves the claim to others.
  if (facts.takeover?.force !== true && whySick(facts) !== null) return null;
  if (record.barred.includes(self.member)) return null;
  const byFinal = finalToClaim(facts, record);
  const voter =
    record.set.members.includes(self.member) ||
    (record.mode === 'async' && trigger !== 'operator') ||
    (trigger === 'operator' && facts.takeover?.force === true);
  if (byFinal === null && !voter) return null;
  if (byFinal === null && record.mode === 'quorum' && readQuorumSize(record.set) === 'holder-only' && facts.takeover?.force !== true)
    return null;

  const ballot = maxEpoch(nextEpoch(record.epoch), file.promised);
  const candidacy: Candidacy =
    memory.candidacy?.ballot === ballot && memory.candidacy.trigger === trigger
      ? memory.candidacy
      : { ballot, trigger, sinceMs: facts.nowMs, askedAtMs: null, quorumAtMs: null, gap: null };
  const next: Memory = { ...memory, candidacy };
  // P5.2: the candidate keeps its own promise first; a candidate whom all refuse has not left its leader for nothing.
  const ask = askOthers(facts, present, candidacy);
  if (facts.promiseKept !== ballot) {
    if (!mayRetry(facts, 'promise')) return decision(next, 'candidate', 'could not keep its own promise; trying again');
    return decision(
      ask.memory(next),
      'candidate',
      `${trigger}: promising epoch ${ballot.toString()}`,
      job({ kind: 'promise', ballot }),
      ...ask.actions,
    );
  }
  if (byFinal !== null) return claimByFinal(facts, next, present, byFinal);
  return gather(facts, ask.memory(next), present, ask.actions);
}

function finalToClaim(facts: Facts, record: LeaderRecord): WalPosition | null {
  const { state } = record;
  if (state.kind === 'handing-over' && state.to === facts.self.member) return state.final;
  if (state.kind === 'released' && state.final !== null) {
    const own = ownExtent(facts.server.state);
    return own !== null && contains(own, state.final) && contains(own, record.floor) ? state.final : null;
  }
  return null;
}

function claimByFinal(facts: Facts, memory: Memory, present: Present, final: WalPosition): Decision {
  const { record } = present;
  const boundary = ownBoundary(facts.server.state);
  if (boundary === null) return decision(memory, 'candidate', 'replaying the last of the old leader’s WAL');
  // A final position is a number: a fork made by hand may have come as far, under the number of the record's timeline.
  if (isAstray(facts, record, boundary)) return decision(memory, 'candidate', ASTRAY);
  if (!contains(boundary, final) || !contains(boundary, record.floor))
    return decision(memory, 'candidate', `does not contain the final position ${formatPosition(final)}`);
  const set = heirSet(record, facts.self.member, facts.self.policy.k);
  return claim(facts, memory, present, { rule: 'T2', boundary, set, why: 'took over from a cleanly stopped leader' });
}

function askOthers(
  facts: Facts,
  present: Present,
  candidacy: Candidacy,
): { readonly actions: readonly Action[]; readonly memory: (memory: Memory) => Memory } {
  const { record, modRevision } = present;
  const missing = record.set.members.filter(
    (member) =>
      member !== facts.self.member && !facts.answers.some((answer) => answer.member === member && answer.promised >= candidacy.ballot),
  );
  const isDue = (): boolean => candidacy.askedAtMs === null || facts.reached(candidacy.askedAtMs + facts.self.policy.promiseAttemptMs);
  if (missing.length === 0 || !isDue()) return { actions: [], memory: (memory) => memory };
  return {
    actions: [{ kind: 'ask-promises', ballot: candidacy.ballot, to: missing, record, modRevision, trigger: candidacy.trigger }],
    memory: (memory) => ({ ...memory, candidacy: { ...candidacy, askedAtMs: facts.nowMs } }),
  };
}

function gather(facts: Facts, memory: Memory, present: Present, ask: readonly Action[]): Decision {
  const { record } = present;
  const { candidacy } = memory;
  const boundary = ownBoundary(facts.server.state);
  const own = ownExtent(facts.server.state);
  if (candidacy === null || boundary === null || own === null) return decision(memory, 'candidate', 'replaying what was received', ...ask);
  // Replay short of what was received is right only before a half record; right after the cut it may just not have read on yet (H11).
  if (boundary.lsn < own.lsn) {
    const gap = candidacy.gap?.lsn === boundary.lsn ? candidacy.gap : { lsn: boundary.lsn, sinceMs: facts.nowMs };
    if (!facts.reached(gap.sinceMs + GAP_MS))
      return decision({ ...memory, candidacy: { ...candidacy, gap } }, 'candidate', 'replaying what was received', ...ask);
  }
  if (facts.takeover?.force !== true && isAstray(facts, record, boundary)) return decision(memory, 'candidate', ASTRAY, ...ask);
  if (!contains(boundary, record.floor) && facts.takeover?.force !== true)
    return decision(memory, 'candidate', 'what it can replay does not reach the floor: its WAL is damaged', ...ask);
  if (record.mode === 'async' || facts.takeover?.force === true) return decideWithoutVote(facts, memory, present, { boundary, ask });
  const mine: PromiseAnswer = {
    member: facts.self.member,
    name: facts.self.name,
    promised: candidacy.ballot,
    extent: own,
    priority: facts.self.priority,
    acceptedEpoch: facts.file.accepted?.epoch ?? null,
  };
  const answers = [mine, ...facts.answers.filter((answer) => answer.member !== mine.member)].filter(
    (answer) => answer.promised >= candidacy.ballot && record.set.members.includes(answer.member) && !record.barred.includes(answer.member),
  );
  const quorum = readQuorumSize(record.set);
  if (quorum === 'holder-only') return decision(memory, 'candidate', 'only the holder itself can continue this record');
  if (answers.length < quorum) {
    return decision(memory, 'candidate', `${String(answers.length)} of ${String(quorum)} promises needed`, ...ask);
  }
  const withQuorum: Memory = { ...memory, candidacy: { ...candidacy, quorumAtMs: candidacy.quorumAtMs ?? facts.nowMs } };
  return choose(facts, withQuorum, present, { answers, quorum, boundary, own, ask });
}

/** What a hand-made promotion, or an old leader, put behind the fork was never anybody's to keep. */
function isAstray({ store }: Facts, record: LeaderRecord, boundary: WalExtent): boolean {
  const road = roadTo(record.timeline, store.history);
  return road === null || !isOnRoad(boundary, road);
}

type Round = {
  readonly answers: readonly PromiseAnswer[];
  readonly quorum: number;
  readonly boundary: WalExtent;
  readonly own: WalExtent;
  readonly ask: readonly Action[];
};

function choose(facts: Facts, memory: Memory, present: Present, { answers, quorum, boundary, own, ask }: Round): Decision {
  const { record } = present;
  const required = requiredPosition(answers, quorum, record.timeline);
  const isCapable = (extent: WalExtent): boolean => contains(extent, record.floor) && (required === null || contains(extent, required));
  const ranked = answers.filter((answer) => answer.priority > 0 && isCapable(answer.extent)).toSorted(byRank);
  const rank = ranked.findIndex((answer) => answer.member === facts.self.member);
  const best = ranked[0];
  if (rank === -1) {
    const sources = answers.filter((answer) => answer.member !== facts.self.member && isCapable(answer.extent));
    return fetchOrYield(facts, memory, { sources, required, ask });
  }
  if (rank > 0 && !facts.reached((memory.candidacy?.quorumAtMs ?? facts.nowMs) + rank * RANK_WAIT_MS)) {
    return decision(
      memory,
      'candidate',
      `${best?.name ?? 'a better candidate'} ranks higher; waiting ${String(rank * RANK_WAIT_MS)} ms for it`,
      ...ask,
    );
  }
  // Compared with what we *received*: two nodes that hold the same half of a record both fall back to its start.
  const followers = answers.filter((answer) => answer.member !== facts.self.member && contains(own, extentPosition(answer.extent)));
  const set = claimedSet(
    followers.map((answer) => answer.member),
    facts.self.policy.k,
  );
  const others = ranked
    .filter((answer) => answer.member !== facts.self.member)
    .map((answer) => `${answer.name} at ${formatPosition(extentPosition(answer.extent))}`);
  const why = `most caught-up of ${String(answers.length)} promises at ${formatPosition(extentPosition(boundary))}${others.length === 0 ? '' : `, before ${others.join(', ')}`}`;
  return claim(facts, memory, present, { rule: 'T1', boundary, set, why });
}

function byRank(a: PromiseAnswer, b: PromiseAnswer): number {
  if (contains(a.extent, extentPosition(b.extent)) && !contains(b.extent, extentPosition(a.extent))) return -1;
  if (contains(b.extent, extentPosition(a.extent)) && !contains(a.extent, extentPosition(b.extent))) return 1;
  return b.priority - a.priority || (a.name < b.name ? -1 : 1);
}

/** P5.5: behind what acknowledged WAL may require. If nobody better goes first, fetch the missing WAL from a promiser that has it. */
function fetchOrYield(
  facts: Facts,
  memory: Memory,
  {
    sources,
    required,
    ask,
  }: { readonly sources: readonly PromiseAnswer[]; readonly required: WalPosition | null; readonly ask: readonly Action[] },
): Decision {
  const missing = required === null ? 'the floor' : formatPosition(required);
  // A source that died after its promise is not the only one: each failed fetch turns to the next.
  const source = sources[(facts.failures.get('fetch')?.count ?? 0) % Math.max(1, sources.length)] ?? null;
  if (source === null || memory.candidacy === null)
    return decision(
      memory,
      'candidate',
      `nobody within reach contains ${missing}: the only copies of possibly acknowledged WAL are away`,
      ...ask,
    );
  // The better candidate gets several places' time to claim; it may have died right after its promise.
  if (!facts.reached((memory.candidacy.quorumAtMs ?? facts.nowMs) + 10 * RANK_WAIT_MS) || !mayRetry(facts, 'fetch'))
    return decision(memory, 'candidate', `behind ${missing}; leaving the claim to ${source.name}`, ...ask);
  return decision(
    memory,
    'candidate',
    `fetching WAL up to ${missing} from ${source.name}`,
    job({ kind: 'fetch', from: source.member, ballot: memory.candidacy.ballot }),
    ...ask,
  );
}

/** Async (P9): only time fences, and the loss is bounded by the lag limit. Force (T11): the operator has accepted the loss; the fence stays. */
function decideWithoutVote(
  facts: Facts,
  memory: Memory,
  present: Present,
  { boundary, ask }: { readonly boundary: WalExtent; readonly ask: readonly Action[] },
): Decision {
  const { record } = present;
  const candidacy = memory.candidacy;
  if (candidacy === null) return decision(memory, 'candidate', 'no candidacy');
  if (facts.takeover?.force === true) {
    const lost = facts.takeover.declareLost;
    const needed = record.set.members.filter((member) => member !== facts.self.member && !lost.includes(member));
    const missing = needed.filter(
      (member) => !facts.answers.some((answer) => answer.member === member && answer.promised >= candidacy.ballot),
    );
    if (missing.length > 0)
      return decision(
        memory,
        'candidate',
        `forced: still waiting for the promise of ${missing.map(nameOf).join(', ')}; declare it lost if it is destroyed`,
        ...ask,
      );
    if ((record.mode === 'async' || record.set.k === 0) && ttlTrigger(facts, present) === null)
      return decision(memory, 'candidate', 'forced: waiting for the old lease to end', ...ask);
    const followers = facts.answers
      .filter((answer) => needed.includes(answer.member) && contains(boundary, extentPosition(answer.extent)))
      .map((answer) => answer.member);
    const set = record.mode === 'async' ? NOBODY : claimedSet(followers, facts.self.policy.k);
    return claim(facts, memory, present, {
      rule: 'T11',
      boundary,
      set,
      barred: lost,
      why: `forced by an operator at ${formatPosition(extentPosition(boundary))}; declared lost: ${lost.map(nameOf).join(', ') || 'nobody'}`,
    });
  }
  if (!contains(boundary, record.floor)) return decision(memory, 'candidate', 'does not contain the floor');
  // P9: the last leader said where it ended, and we lack some of it; whoever has it all gets the time of a lease to come.
  if (record.state.kind === 'released' && record.state.final !== null && !facts.reached(present.firstSeenAtMs + patienceMs(facts, record)))
    return decision(
      memory,
      'candidate',
      `lacks what the last leader had up to ${formatPosition(record.state.final)}; leaving others the time`,
      ...ask,
    );
  if (record.observed !== null && !isWithin(boundary, record.observed, facts.self.policy.maxLagBytes)) {
    return decision(memory, 'candidate', `more than ${String(facts.self.policy.maxLagBytes)} bytes behind the last recorded position`);
  }
  // Best effort: let the others let go first; a better one among them claims before us.
  const waitMs = facts.self.policy.promiseAttemptMs / 2 + betterPeers(facts, boundary) * RANK_WAIT_MS;
  if (!facts.reached(candidacy.sinceMs + waitMs)) return decision(memory, 'candidate', 'giving better candidates a moment', ...ask);
  return claim(facts, memory, present, {
    rule: 'T1',
    boundary,
    set: NOBODY,
    why: `lease of ${nameOf(record.holder)} ended; at ${formatPosition(extentPosition(boundary))}`,
  });
}

/** A standby that has not yet followed the holder's latest promotion is still on its parent; with the floor on board its LSN says how far it is. */
function isWithin(boundary: WalExtent, observed: WalPosition, maxLagBytes: number): boolean {
  return contains(boundary, observed) || Number(observed.lsn - boundary.lsn) <= maxLagBytes;
}

function betterPeers(facts: Facts, boundary: WalExtent): number {
  return [...facts.peers.values()].filter(
    (peer) =>
      peer.priority > 0 &&
      peer.extent !== null &&
      contains(peer.extent, extentPosition(boundary)) &&
      (!contains(boundary, extentPosition(peer.extent)) || peer.name < facts.self.name),
  ).length;
}

/** Also those that somebody began by hand, as far as they can be heard of: two contents under one id would not be told apart (H4). */
function knownTimelines({ store, peers, answers }: Facts): readonly TimelineId[] {
  const extents = [...[...peers.values()].map(({ extent }) => extent), ...answers.map(({ extent }) => extent)];
  return [
    ...store.history.map(({ timeline }) => timeline),
    ...extents.flatMap((extent) => (extent === null ? [] : [extent.history.timeline])),
  ];
}

type Claim = {
  readonly rule: 'T1' | 'T2' | 'T11';
  readonly boundary: WalExtent;
  readonly set: MemberSet;
  readonly why: string;
  readonly barred?: readonly MemberId[];
};

function claim(facts: Facts, memory: Memory, { record, modRevision }: Present, { rule, boundary, set, why, barred }: Claim): Decision {
  const { candidacy } = memory;
  assert(candidacy !== null, 'nobody claims without having been a candidate');
  const { ballot, trigger } = candidacy;
  const timeline: TimelineId = timelineId(1 + Math.max(record.timeline, boundary.history.timeline, ...knownTimelines(facts)));
  const floor = extentPosition(boundary);
  const next: LeaderRecord = {
    ...record,
    epoch: ballot,
    seq: record.seq + 1,
    holder: facts.self.member,
    state: { kind: 'promoting' },
    set,
    timeline,
    floor,
    barred: barred === undefined ? record.barred : [...record.barred, ...barred],
    ttlMs: facts.self.policy.ttlMs,
    observed: null,
  };
  const { ancestors } = boundary.history;
  const history: HistoryEntry = { epoch: ballot, holder: facts.self.member, timeline, floor, ancestors, trigger, why, at: '' };
  return decision({ ...memory, promotingSinceMs: facts.nowMs }, 'candidate', `claiming epoch ${ballot.toString()}: ${why}`, {
    kind: 'change',
    rule,
    record: next,
    modRevision,
    history,
  });
}
