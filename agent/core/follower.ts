/**
 * What a node does that does not hold the record: follow, rejoin, or join. Before it starts anything it asks history whether its own WAL is
 * still on the road; a diverged node started as a standby does not fail, it waits and can even be promoted.
 */
import { isOpen, type LeaderRecord } from '../../shared/domain/leader-record.ts';
import { sameSet, type MemberSet } from '../../shared/domain/member-set.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { TimelineHistory } from '../../shared/domain/timeline.ts';
import type { WalExtent } from '../../shared/domain/wal-position.ts';
import type { ServerState } from '../postgres/port.ts';
import { claimedSet, heirSet } from './claimed-set.ts';
import { alarmed, decision, job, mayRetry, type Decision, type Present } from './decision.ts';
import { isOurUnnoted } from './own-directory.ts';
import { isBorrowed, isOnRoad, ownExtent, roadTo, settledExtent } from './extent.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';
import { keepSlots } from './slots.ts';

/** A standby that cannot stream for this long from a healthy primary is missing WAL that the primary no longer has. */
const NOT_STREAMING_LIMIT_MS = 15_000;
/** Most crash recoveries are over by then, and one that is not goes on from where it was. */
const STARTED_FOR_ANOTHER_LIMIT_MS = 5_000;
/** It was started and did not come up, or is no data directory: what another copy may mend. A full disk, a busy port or a permission it does not. */
const OF_THE_DATA = ['PGB-1313', 'PGB-1106'] as const;
/** How long a standby that nobody waits for lets a promotion have the machine; far more than one takes. */
const PROMOTION_GRACE_MS = 500;
const OFF_THE_ROAD = 'its WAL goes beyond the point where the newer epoch began';
const BORROWED = 'it has WAL of a timeline that it never followed anybody to';

export function decideAsFollower(facts: Facts, memory: Memory, present: Present): Decision {
  const { file, server, self } = facts;
  const { record } = present;
  // How long the former server did not stream says nothing about the next: held against it, a fresh copy would be condemned before it has connected.
  const atRest: Memory = { ...memory, notStreamingSinceMs: null };
  if (record.barred.includes(self.member) && file.dir === 'ok') return rejoin(facts, memory, record, 'this incarnation was declared lost');
  if (file.dir === 'ok' && file.systemId !== record.systemId) return foreign(facts, memory, record);
  switch (server.state.kind) {
    case 'absent':
      return join(facts, atRest, record);
    case 'stopped':
      return file.dir === 'ok' ? startAgain(facts, atRest, present) : finishRebuilding(facts, atRest, record);
    case 'starting':
      return waitToOpen(facts, memory, record);
    case 'silent':
      if (server.state.code !== undefined) return alarmed(memory, `${server.state.code} ${server.state.why}`);
      // A rebuilding cut short can leave what nobody can read; the clone itself refuses while a process still works in there.
      if (file.dir === 'rebuilding') return join(facts, memory, record);
      return decision(memory, 'waiting', `PostgreSQL does not answer: ${server.state.why}`);
    case 'running':
      return server.state.facts.inRecovery ? keepFollowing(facts, memory, record) : depose(facts, memory, record);
  }
}

/** T10: somebody else holds the record; whatever runs here as a primary is deposed. */
function depose({ guard, job: running }: Facts, memory: Memory, record: LeaderRecord): Decision {
  const postmaster = guard?.postmaster;
  const isHandMade = postmaster?.kind === 'running' && postmaster.purpose.kind === 'standby' && !postmaster.promoted;
  // A promise ends it by itself (P4.2), and answers; pushed aside it would leave its asker without an answer in the middle of an election.
  const actions = running?.kind === 'promise' ? [] : [job({ kind: 'kill', why: 'deposed' })];
  return isHandMade
    ? alarmed(memory, `PGB-1316 our standby has become a primary: somebody promoted it, and ${nameOf(record.holder)} leads`, ...actions)
    : decision(memory, 'rejoining', `deposed by epoch ${record.epoch.toString()}`, ...actions);
}

function isLed(facts: Facts, record: LeaderRecord): boolean {
  return facts.peers.get(nameOf(record.holder))?.leads === true && (record.state.kind === 'serving' || record.state.kind === 'promoting');
}

function isOfTheData(failure: string): boolean {
  return OF_THE_DATA.some((code) => failure.startsWith(code));
}

function foreign(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  const detail = `the data directory belongs to system ${facts.file.systemId ?? 'unknown'}, the cluster is ${record.systemId}`;
  // A directory that this node made for a race it lost was never recorded anywhere; an adopted one is somebody's data.
  if (facts.file.accepted !== null || facts.self.adopt) return alarmed(memory, `PGB-1301 ${detail}`);
  return decision(memory, 'joining', 'another node created the cluster first: discarding our empty one', job({ kind: 'discard' }));
}

function join(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  // One that has promoted may be waiting for nobody but us.
  if (record.state.kind !== 'serving' && !isLed(facts, record))
    return decision(memory, 'joining', `waiting for a serving leader to clone from (the record is ${record.state.kind})`);
  if (!mayRetry(facts, 'clone'))
    return decision(memory, 'joining', `clone failed: ${facts.failures.get('clone')?.why ?? ''}; trying again shortly`);
  return decision(
    memory,
    'joining',
    `cloning from ${nameOf(record.holder)}`,
    job({ kind: 'clone', from: record.holder, epoch: record.epoch }),
  );
}

/** A directory left half-way by a rewind or clone: whatever it looks like, it is only good for a fresh clone. */
function finishRebuilding(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  if (isOurUnnoted(facts))
    return decision(memory, 'joining', 'a directory of our own was never noted down: discarding it', job({ kind: 'discard' }));
  if (facts.file.dir === 'absent') {
    return alarmed(
      memory,
      'PGB-1301 the data directory holds a database that this node does not know: move it away, and the node clones itself from the leader',
    );
  }
  return join(facts, memory, record);
}

function startAgain(facts: Facts, memory: Memory, present: Present): Decision {
  const { record } = present;
  const { state } = facts.server;
  if (state.kind !== 'stopped') return decision(memory, 'waiting', 'PostgreSQL is not at rest');
  const guard = facts.guard;
  if (guard?.postmaster.kind === 'exited' && !guard.postmaster.verifiedDead) {
    return decision(memory, 'rejoining', 'making sure that nothing of the old PostgreSQL is left', job({ kind: 'kill', why: 'verify' }));
  }
  const road = roadTo(record.timeline, facts.store.history);
  if (road === null)
    return decision(memory, 'rejoining', 'waiting for the history of the newer epochs', { kind: 'read-store', why: 'history' });
  if (state.extent === null) return rejoin(facts, memory, record, 'the end of the local WAL cannot be read');
  const unfit = whyUnfit(facts, state, { extent: state.extent, road, record });
  // T11: an operator takes what is here for the best there is, wherever it has gone.
  if (facts.takeover?.force === true && mayRetry(facts, 'start-standby'))
    return decision(
      memory,
      'following',
      'starting as a standby to be forced',
      job({ kind: 'start-standby', record, follow: false, unfit }),
    );
  if (unfit !== null) return rejoin(facts, memory, record, unfit);
  if (!mayRetry(facts, 'start-standby')) {
    const failure = facts.failures.get('start-standby');
    if (failure !== undefined && failure.count >= 5 && isOfTheData(failure.why))
      return rejoin(facts, memory, record, `it does not start as a standby: ${failure.why}`);
    return decision(memory, 'rejoining', `start failed: ${failure?.why ?? ''}; trying again shortly`);
  }
  if (isInTheWay(facts, present)) return decision(memory, 'rejoining', 'starting when the new leader has let its clients in');
  return decision(
    memory,
    'following',
    'starting as a standby',
    job({ kind: 'start-standby', record, follow: mayFollow(facts, record), unfit: null }),
  );
}

/**
 * A server that starts reads and writes as if it were alone; on a machine, a disk or a network that it shares with the one that promotes, every client
 * waits for it. The former leader of a planned move starts at the very moment in which the other one promotes.
 */
function isInTheWay(facts: Facts, { record, firstSeenAtMs }: Present): boolean {
  const { set, state, holder } = record;
  if (set.k === 0 || isNeeded(facts, set)) return false;
  // Serving by the record it has still to let its clients in, and all of them log in at once.
  const isOpening = state.kind === 'serving' && facts.peers.get(nameOf(holder))?.servingAsPrimary !== true;
  if (state.kind !== 'promoting' && !isOpening) return false;
  // Half a renewal at most, because every renewal is seen for the first time.
  return !facts.reached(firstSeenAtMs + Math.min(PROMOTION_GRACE_MS, facts.self.policy.renewMs / 2));
}

/** Is the promotion waiting for this very node, because the other members that are there are too few to acknowledge? */
function isNeeded({ self, peers }: Facts, { members, k }: MemberSet): boolean {
  const others = members.filter((one) => {
    const peer = peers.get(nameOf(one));
    return one !== self.member && peer?.member === one && peer.healthy;
  });
  return members.includes(self.member) && others.length < k;
}

function whyUnfit(
  facts: Facts,
  { wasPrimary }: Extract<ServerState, { kind: 'stopped' }>,
  { extent, road, record }: { readonly extent: WalExtent; readonly road: TimelineHistory; readonly record: LeaderRecord },
): string | null {
  if (isPromotionCut(facts, record)) return 'a promotion of its own was cut short';
  if (facts.file.unfit !== null) return facts.file.unfit;
  if (!isOnRoad(extent, road)) return OFF_THE_ROAD;
  if (isBorrowed(extent, facts.file.accepted)) return BORROWED;
  return wasPrimary && !wasOurs(facts, extent) ? 'somebody promoted it past pgbaton' : null;
}

/**
 * Did this incarnation become a primary on that timeline by a claim? Promoted by hand at the very place and under the very number of a claim elsewhere,
 * its WAL looks like part of the road, and is not (H4).
 */
function wasOurs({ file, self, store }: Facts, extent: WalExtent): boolean {
  const { timeline } = extent.history;
  // The timeline a cluster was created on was begun by nobody's promotion.
  if (store.history.some((entry) => entry.timeline === timeline && entry.floor.timeline === timeline)) return true;
  return file.promotion?.timeline === timeline || (file.accepted?.holder === self.member && file.accepted.timeline === timeline);
}

function isPromotionCut({ file }: Facts, record: LeaderRecord): boolean {
  return file.promotion !== null && file.promotion.phase === 'begun' && file.promotion.epoch < record.epoch;
}

export function mayFollow(facts: Facts, record: LeaderRecord): boolean {
  if (facts.file.promised > record.epoch) return false;
  return record.state.kind === 'serving' || record.state.kind === 'promoting';
}

function rejoin(facts: Facts, memory: Memory, record: LeaderRecord, why: string): Decision {
  const { state } = facts.server;
  if (!isLed(facts, record)) {
    return decision(memory, 'rejoining', `${why}; waiting for a leader that runs`);
  }
  // P7.8, I14: no directory is altered while its incarnation may still be asked for acknowledged WAL.
  if (record.set.members.includes(facts.self.member)) {
    const waiting = `${why}; waiting until the leader has removed us from the set`;
    return decision(memory, 'rejoining', waiting, ...(mayRetry(facts, 'leave') ? [job({ kind: 'leave', from: record.holder })] : []));
  }
  // Nothing in the directory will say afterwards why it was stopped; without the note it would be started again, and again.
  if (state.kind === 'running' || state.kind === 'starting') return decision(memory, 'rejoining', why, job({ kind: 'condemn', why }));
  // Not one that never began, because the leader would not let us go yet.
  const rewindFailed = facts.failures.get('rewind')?.why.startsWith('PGB-1311') === true;
  const mayRewind = state.kind === 'stopped' && state.wasPrimary && !rewindFailed && facts.file.dir === 'ok';
  // pg_rewind goes by the numbers of timelines, and would find nothing to do between two of the same number (H4).
  if (mayRewind && state.extent !== null && wasOurs(facts, state.extent)) {
    return decision(memory, 'rejoining', `${why}: rewinding`, job({ kind: 'rewind', from: record.holder, epoch: record.epoch }));
  }
  if (!mayRetry(facts, 'clone')) return decision(memory, 'rejoining', `clone failed: ${facts.failures.get('clone')?.why ?? ''}`);
  return decision(memory, 'rejoining', `${why}: cloning afresh`, job({ kind: 'clone', from: record.holder, epoch: record.epoch }));
}

function keepFollowing(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  const { state } = facts.server;
  if (state.kind !== 'running') return decision(memory, 'waiting', 'PostgreSQL is not running');
  if (!mayFollow(facts, record)) {
    return decision(
      { ...memory, notStreamingSinceMs: null },
      'waiting',
      `promised epoch ${facts.file.promised.toString()}, the record is ${record.state.kind} at ${record.epoch.toString()}`,
    );
  }
  if (facts.file.unfit !== null) return rejoin(facts, memory, record, facts.file.unfit);
  const isAttached = facts.following !== null && facts.following.epoch === record.epoch && facts.following.holder === record.holder;
  if (!isAttached || state.facts.receiver !== 'streaming') {
    const astray = leaveTheRoad(facts, memory, record);
    if (astray !== null) return astray;
  }
  if (!isAttached) {
    if (!mayRetry(facts, 'follow')) return decision(memory, 'following', 'could not attach; trying again shortly');
    return decision(
      { ...memory, notStreamingSinceMs: null },
      'following',
      `attaching to ${nameOf(record.holder)}`,
      job({ kind: 'follow', record }),
    );
  }
  if (state.facts.receiver === 'streaming') {
    const resting = rest(facts, { ...memory, notStreamingSinceMs: null }, record);
    if (resting.actions.length > 0) return resting;
    const slots = keepSlots(facts, resting.memory, state.facts);
    return { ...resting, actions: slots.actions, memory: slots.memory };
  }
  return waitToStream(facts, memory, record);
}

/**
 * Null: what it has is part of what the leader grew from. Asked until it streams: while it is told to let go of the old leader, more of that one's WAL
 * may still arrive, and a standby that has gone past the fork does not fail, it waits.
 */
function leaveTheRoad(facts: Facts, memory: Memory, record: LeaderRecord): Decision | null {
  const { state } = facts.server;
  const road = roadTo(record.timeline, facts.store.history);
  if (road === null)
    return decision(memory, 'following', 'waiting for the history of the newer epochs', { kind: 'read-store', why: 'history' });
  const own = ownExtent(state);
  if (own !== null && isBorrowed(own, facts.file.accepted)) return rejoin(facts, memory, record, BORROWED);
  if (own !== null && isOnRoad(own, road)) return null;
  const settled = settledExtent(state);
  if (settled === null) return decision(memory, 'following', 'replaying what was received before following the newer epoch');
  if (!isOnRoad(settled, road)) return rejoin(facts, memory, record, OFF_THE_ROAD);
  return isBorrowed(settled, facts.file.accepted) ? rejoin(facts, memory, record, BORROWED) : null;
}

/** P7.6: rest on the set we would claim with, so that a promotion need not wait for its proof. */
function rest(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  const reason = `streaming from ${nameOf(record.holder)}`;
  const { member, policy } = facts.self;
  const others = record.set.members.filter((one) => one !== member);
  const set = isAboutToInherit(facts, record) ? heirSet(record, member, policy.k) : claimedSet(others, policy.k);
  if (!record.set.members.includes(member) || set.k === 0) return decision(memory, 'following', reason);
  if ((facts.resting !== null && sameSet(facts.resting, set)) || !mayRetry(facts, 'rest')) return decision(memory, 'following', reason);
  return decision(memory, 'following', reason, job({ kind: 'rest', set }));
}

/** A planned move to us: while its clients are still being served, and not when they wait, is the time to leave the set of an unplanned one. */
function isAboutToInherit({ store, self }: Facts, { epoch, mode }: LeaderRecord): boolean {
  const { operation } = store;
  return mode === 'quorum' && operation !== null && isOpen(operation) && operation.to === self.member && operation.epoch === epoch;
}

/**
 * One that was rewound, cloned or killed may need WAL before it opens, and gets it from whom it was told to follow when it was started. That leader may be gone
 * for good by now, or a promise has cut it off: it would wait for ever. Started anew it is looked at again, and told of the leader of today.
 */
function waitToOpen(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  const isTold = facts.following?.epoch === record.epoch && facts.following.holder === record.holder;
  const isForAnother = !isTold && mayFollow(facts, record) && isLed(facts, record) && facts.job?.kind !== 'promise';
  const since = isForAnother ? (memory.notStreamingSinceMs ?? facts.nowMs) : null;
  if (since !== null && facts.reached(since + STARTED_FOR_ANOTHER_LIMIT_MS))
    return decision(
      { ...memory, notStreamingSinceMs: null },
      'following',
      `PostgreSQL is starting, and was not told to follow ${nameOf(record.holder)}: starting it anew`,
      job({ kind: 'kill', why: 'started for another leader' }),
    );
  return decision({ ...memory, notStreamingSinceMs: since }, 'following', 'PostgreSQL is starting');
}

function waitToStream(facts: Facts, memory: Memory, record: LeaderRecord): Decision {
  const healthy = isLed(facts, record);
  const since = healthy ? (memory.notStreamingSinceMs ?? facts.nowMs) : null;
  const next: Memory = { ...memory, notStreamingSinceMs: since };
  if (since !== null && facts.reached(since + NOT_STREAMING_LIMIT_MS))
    return rejoin(facts, next, record, `not streaming for ${String(NOT_STREAMING_LIMIT_MS)} ms from a healthy leader`);
  return decision(next, 'following', `waiting for ${nameOf(record.holder)} to stream`);
}
