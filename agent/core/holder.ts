/**
 * What the holder of the record does: serve, change the set, promote, restart in place, re-enlist, release. Everything it may do rests on
 * the record being its own at this revision; S4: after an agent start nothing but a renewal, until one is known committed.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { isSafePair } from '../../shared/domain/member-set.ts';
import { extentPosition, formatPosition, type WalExtent, type WalPosition } from '../../shared/domain/wal-position.ts';
import type { ServerFacts, ServerState } from '../postgres/port.ts';
import type { Action } from './actions.ts';
import { alarmed, decision, job, mayRetry, type Decision, type Present } from './decision.ts';
import { isAtFloor, isOfRecord, ownBoundary } from './extent.ts';
import type { Facts } from './facts.ts';
import { awaitEnd, giveWay, isDying, restartFrozen } from './giving-way.ts';
import { flushedPast, watchMembers } from './member-watch.ts';
import type { Memory } from './memory.ts';
import { keepSlots } from './slots.ts';
import { reenlistRunning, reenlistStopped } from './reenlist.ts';
import { describe, setStep } from './set-step.ts';
import { abortHandover, alsoEnd, decideSwitchover, endOf } from './switchover.ts';

/** After so many failed restarts in a row the holder lets somebody else try (crash-loop budget). */
const RESTARTS_IN_PLACE = 3;

export function decideAsHolder(facts: Facts, remembered: Memory, present: Present): Decision {
  const { record } = present;
  const { state } = facts.server;
  const writes = state.kind === 'running' && !state.facts.inRecovery;
  const memory: Memory = {
    ...remembered,
    leadingSinceMs: writes ? remembered.leadingSinceMs : null,
    silentSinceMs: state.kind === 'silent' ? remembered.silentSinceMs : null,
    heldSinceMs: remembered.heldSinceMs ?? facts.nowMs,
  };
  if (facts.file.systemId !== null && facts.file.systemId !== record.systemId)
    return alarmed(memory, `PGB-1301 we hold a record of system ${record.systemId}, our data is of ${facts.file.systemId}`);
  if (!facts.store.renewedSinceStart) {
    return decision(
      memory,
      'waiting',
      'this agent has just started: renewing before anything else, something of ours may still be in flight',
      renewal(facts, present),
    );
  }
  if (facts.file.promised > record.epoch) return reenlistStopped(facts, memory, present, 'our own promise is above our epoch');
  switch (record.state.kind) {
    case 'serving':
      return decideServing(facts, memory, present);
    case 'promoting':
      return decidePromoting(facts, memory, present);
    case 'released':
      return reenlistStopped(facts, memory, present, 'nobody claimed what we released');
    case 'handing-over':
      return abortHandover(facts, memory, present);
  }
}

/** Async mode (P9): a renewal also says how far the holder has come, which bounds what a take-over may lose. */
function renewal(facts: Facts, { record, modRevision }: Present): Action {
  const { state } = facts.server;
  const writes = record.mode === 'async' && state.kind === 'running' && !state.facts.inRecovery && state.facts.flushedLsn !== null;
  const observed =
    writes && state.facts.flushedLsn !== null ? { timeline: state.facts.history.timeline, lsn: state.facts.flushedLsn } : record.observed;
  return { kind: 'renew', record: { ...record, observed }, modRevision };
}

function renewIfDue(facts: Facts, present: Present): readonly Action[] {
  const { renewedAtMs } = facts.store;
  return renewedAtMs === null || facts.reached(renewedAtMs + facts.self.policy.renewMs) ? [renewal(facts, present)] : [];
}

function decideServing(facts: Facts, memory: Memory, present: Present): Decision {
  const { server, guard } = facts;
  if (guard !== null && guard.postmaster.kind === 'exited') return decideStopped(facts, memory, present);
  if (isDying(facts, memory, present)) return awaitEnd(facts, memory, present, () => release(memory, present, null));
  switch (server.state.kind) {
    case 'running':
      if (server.state.facts.inRecovery)
        return decision(
          memory,
          'crashed',
          'we hold a serving record but run as a standby: restarting as primary',
          job({ kind: 'kill', why: 'standby in the place of a primary' }),
        );
      return lead(facts, { ...memory, crash: null }, present, server.state.facts);
    case 'stopped':
    case 'absent':
      return decideStopped(facts, memory, present);
    case 'starting':
      return decision(memory, 'crashed', 'PostgreSQL is starting', ...renewIfDue(facts, present));
    case 'silent':
      return decideSilent(facts, memory, present, server.state);
  }
}

/** It lives and does not answer. For a while that is load; after that it is better dead, and the crash road decides who goes on. */
function decideSilent(facts: Facts, memory: Memory, present: Present, state: Extract<ServerState, { kind: 'silent' }>): Decision {
  const { why, code } = state;
  // It is being stopped on purpose, and a server that shuts down answers nobody; the stop has a deadline of its own.
  const switchover = facts.job?.kind === 'stop-for-switchover' ? decideSwitchover(facts, memory, present, null) : null;
  if (switchover !== null) return alsoRenew(switchover, renewIfDue(facts, present));
  const way = giveWay(facts, memory, present);
  if (way !== null) return way;
  // Not load but a directory that cannot be ours, or cannot be used: somebody else's server there is not ours to kill, and the lease is no use.
  if (code !== undefined && facts.guard?.postmaster.kind !== 'running') return giveUp(memory, present, `${code} ${why}`);
  const since = memory.silentSinceMs ?? facts.nowMs;
  const next: Memory = { ...memory, silentSinceMs: since };
  const renew = renewIfDue(facts, present);
  if (!facts.reached(since + 2 * facts.self.policy.promoteByMs) || !mayRetry(facts, 'kill'))
    return decision(next, 'leading', `PostgreSQL does not answer: ${why}`, ...renew);
  return decision(
    next,
    'crashed',
    `PostgreSQL has not answered for ${String(Math.round(facts.nowMs - since))} ms: killing it`,
    job({ kind: 'kill', why: 'silent' }),
    ...renew,
  );
}

function decideStopped(facts: Facts, memory: Memory, present: Present): Decision {
  const ending = endOf(facts, memory, present, null);
  if (ending !== null) return alsoEnd(facts, ending, decideCrashed(facts, { ...memory, ended: ending }, present));
  const switchover = decideSwitchover(facts, memory, present, null);
  // Draining is no silence: an unrenewed record would invite the others to an election in the middle of it.
  return switchover === null ? decideCrashed(facts, memory, present) : alsoRenew(switchover, renewIfDue(facts, present));
}

/** Our PostgreSQL is gone (PROTOCOL P6 "crash of the leader's PostgreSQL, agent alive"). */
function decideCrashed(facts: Facts, memory: Memory, present: Present): Decision {
  const { guard, nowMs } = facts;
  const { record } = present;
  const { policy } = facts.self;
  const verify: readonly Action[] =
    guard?.postmaster.kind === 'exited' && !guard.postmaster.verifiedDead ? [job({ kind: 'kill', why: 'verify' })] : [];
  const crashedHere =
    guard?.postmaster.kind === 'exited' && guard.postmaster.why === 'crashed' && guard.postmaster.atMs >= facts.startedAtMs;
  const crash =
    memory.crash?.epoch === record.epoch
      ? memory.crash
      : crashedHere && guard.postmaster.kind === 'exited'
        ? { epoch: record.epoch, atMs: guard.postmaster.atMs, saidAtMs: null }
        : null;
  const hasGivenWay = crash !== null && crash.saidAtMs !== null && record.mode === 'async';
  if (hasGivenWay && verify.length === 0 && facts.server.state.kind === 'stopped')
    return release(memory, present, endOfWal(facts.server.state));
  if (crash === null || record.set.k === 0 || record.mode === 'async') return restartInPlace(facts, memory, present, verify);
  if (crash.saidAtMs === null) {
    return decision(
      { ...memory, crash: { ...crash, saidAtMs: nowMs } },
      'crashed',
      'PostgreSQL is gone: telling every member at once',
      { kind: 'say-down', epoch: record.epoch, why: 'down', to: record.set.members },
      ...verify,
    );
  }
  const next: Memory = { ...memory, crash };
  const quorum = record.set.members.length - record.set.k + 1;
  // Renewing or releasing now would spoil the claim's revision; so neither, while enough members are on their way.
  if (facts.downAcknowledged.size >= quorum && !facts.reached(crash.saidAtMs + policy.promiseByMs))
    return decision(next, 'crashed', `PostgreSQL is gone; ${String(facts.downAcknowledged.size)} members know`, ...verify);
  if (!facts.reached(crash.saidAtMs + 2 * policy.heartbeatMs))
    return decision(next, 'crashed', 'PostgreSQL is gone; waiting for members to acknowledge', ...verify);
  return restartInPlace(facts, next, present, verify);
}

/** T5. */
function restartInPlace(facts: Facts, memory: Memory, present: Present, verify: readonly Action[]): Decision {
  const { record } = present;
  const { state } = facts.server;
  const renew = renewIfDue(facts, present);
  if (verify.length > 0) return decision(memory, 'crashed', 'making sure that nothing of the old PostgreSQL is left', ...verify, ...renew);
  if (state.kind === 'absent') return giveUp(memory, present, 'PGB-1304 we hold the record, but the data directory is gone');
  if (state.kind !== 'stopped') return decision(memory, 'crashed', 'waiting to see PostgreSQL at rest', ...renew);
  if (facts.file.dir !== 'ok') return giveUp(memory, present, 'PGB-1304 we hold the record, but the data directory is being rebuilt');
  if (state.extent !== null && !isOfRecord(state.extent, record))
    return giveUp(
      memory,
      present,
      `PGB-1304 our WAL ends at ${formatPosition(extentPosition(state.extent))}, and is not that of timeline ${String(record.timeline)} from ${formatPosition(record.floor)} on`,
    );
  const failure = facts.failures.get('start-primary');
  const failed = failure?.count ?? 0;
  // Others had their chance and did not take it; giving up again at once would go round for ever.
  const forgiven = failed < memory.restartsForgiven ? 0 : memory.restartsForgiven;
  if (failed - forgiven >= RESTARTS_IN_PLACE && record.set.k > 0)
    return release({ ...memory, restartsForgiven: failed }, present, endOfWal(state));
  if (!mayRetry(facts, 'start-primary'))
    return decision(memory, 'crashed', `restart failed: ${failure?.why ?? ''}; trying again shortly`, ...renew);
  return decision(memory, 'crashed', 'restarting in place', job({ kind: 'start-primary', record }), ...renew);
}

/** A holder that can never serve must not keep the lease alive: others may have what it lacks, or an operator may force them (T11). */
function giveUp(memory: Memory, present: Present, why: string): Decision {
  return present.record.set.k > 0 ? release(memory, present, null) : alarmed(memory, `${why}: an operator must fail over`);
}

function endOfWal({ extent }: Extract<ServerState, { kind: 'stopped' }>): WalPosition | null {
  return extent === null ? null : extentPosition(extent);
}

function release(memory: Memory, { record, modRevision }: Present, final: WalPosition | null): Decision {
  const next: LeaderRecord = { ...record, seq: record.seq + 1, state: { kind: 'released', final } };
  // Taken up again, it is another attempt: counted from the first one it would be late from the start, and given up before anything is tried.
  return decision(
    { ...memory, sitOutEpoch: record.epoch, promotingSinceMs: null },
    'released',
    'PostgreSQL does not start here: releasing',
    {
      kind: 'change',
      rule: 'T8',
      record: next,
      modRevision,
      history: null,
    },
  );
}

function lead(facts: Facts, memory: Memory, present: Present, server: ServerFacts): Decision {
  const { record } = present;
  if (server.history.timeline !== record.timeline) {
    return alarmed(
      memory,
      `PGB-1316 PostgreSQL runs on timeline ${String(server.history.timeline)}, our epoch reserved ${String(record.timeline)}: somebody else promoted it`,
      job({ kind: 'kill', why: 'foreign timeline' }),
    );
  }
  const watched = watchMembers(facts, memory, server, record);
  const renew = renewIfDue(facts, present);
  const way = giveWay(facts, watched, present) ?? restartFrozen(facts, watched, renew);
  if (way !== null) return way;
  const reenlist = reenlistRunning(facts, watched, present);
  if (reenlist.action !== null)
    return decision(reenlist.memory, 'leading', 'members had promised a higher epoch: re-enlisting them', reenlist.action);
  if (!facts.open && facts.job?.kind !== 'stop-for-switchover') return openWhenDurable(facts, reenlist.memory, present, server, renew);
  const ending = endOf(facts, reenlist.memory, present, server);
  if (ending !== null) return alsoEnd(facts, ending, maintain(facts, { ...reenlist.memory, ended: ending }, present, server, renew));
  const switchover = decideSwitchover(facts, reenlist.memory, present, server);
  if (switchover !== null) return alsoRenew(switchover, renew);
  return maintain(facts, reenlist.memory, present, server, renew);
}

/** A change of the record is a renewal already. */
function alsoRenew(made: Decision, renew: readonly Action[]): Decision {
  return made.actions.some((action) => action.kind === 'change') ? made : { ...made, actions: [...made.actions, ...renew] };
}

/** T5, T6: clients are let in only when k members have flushed everything that surfaced in recovery or promotion. */
function openWhenDurable(facts: Facts, memory: Memory, present: Present, server: ServerFacts, renew: readonly Action[]): Decision {
  const { record } = present;
  const safe = facts.inForce.kind === 'proven' && isSafePair(record.set, facts.inForce.set);
  const since = safe && facts.inForce.kind === 'proven' ? facts.inForce.provenAtLsn : null;
  if (record.set.k === 0) return decision(memory, 'leading', 'letting clients in', job({ kind: 'open', epoch: record.epoch }), ...renew);
  if (since !== null && flushedPast(server, record.set, since) >= record.set.k)
    return decision(
      memory,
      'leading',
      'the quorum has caught up: letting clients in',
      job({ kind: 'open', epoch: record.epoch }),
      ...renew,
    );
  const step = setStep(facts, memory, present, server, 'leading', 'clients wait until the quorum has caught up');
  return alsoRenew(step, renew);
}

function maintain(facts: Facts, memory: Memory, present: Present, server: ServerFacts, renew: readonly Action[]): Decision {
  const step = setStep(facts, memory, present, server, 'leading', `serving epoch ${present.record.epoch.toString()}`);
  const busy = step.actions.some((action) => action.kind === 'job');
  const slots = busy ? { actions: [], memory: step.memory } : keepSlots(facts, step.memory, server);
  return {
    ...step,
    memory: slots.memory,
    actions: [...step.actions, ...slots.actions, ...(step.actions.some((action) => action.kind === 'change') ? [] : renew)],
  };
}

function decidePromoting(facts: Facts, memory: Memory, present: Present): Decision {
  const { record } = present;
  const { state } = facts.server;
  const { policy } = facts.self;
  const renew = renewIfDue(facts, present);
  const since = memory.promotingSinceMs ?? facts.nowMs;
  const next: Memory = { ...memory, promotingSinceMs: since };
  if (state.kind === 'running' && !state.facts.inRecovery) return finishPromotion(facts, next, present, state.facts, renew);
  // Started as a standby it would not look any more like what somebody promoted by hand, and could follow a timeline of the same number (H4).
  if (state.kind === 'stopped' && state.extent !== null && hasLeftFloor(state.extent, record))
    return giveUp(next, present, notAtFloor(state.extent, record.floor));
  const isLate = facts.reached(since + 2 * policy.promoteByMs);
  if (isLate && facts.job === null && state.kind === 'stopped') {
    return release(next, present, endOfWal(state));
  }
  if (state.kind === 'running') {
    if (isLate)
      return decision(
        next,
        'promoting',
        'the promotion makes no progress: stopping to release',
        job({ kind: 'kill', why: 'promotion without progress' }),
        ...renew,
      );
    // An agent that restarted in the middle of a promotion must not set up another one over it.
    if (facts.job === null && facts.guard?.postmaster.kind === 'running' && facts.guard.postmaster.promoted)
      return decision(next, 'promoting', 'the promotion is under way', ...renew);
    const boundary = ownBoundary(state);
    if (boundary === null) return decision(next, 'promoting', 'replaying what was received', ...renew);
    if (!isAtFloor(extentPosition(boundary), record.floor)) return giveUp(next, present, notAtFloor(boundary, record.floor));
    if (!mayRetry(facts, 'promote'))
      return decision(next, 'promoting', `promotion failed: ${facts.failures.get('promote')?.why ?? ''}; trying again`, ...renew);
    return decision(next, 'promoting', `promoting to timeline ${String(record.timeline)}`, job({ kind: 'promote', record }), ...renew);
  }
  if (state.kind === 'stopped') {
    // The reserved timeline is this record's own, so WAL on it means that our promotion has happened, under this epoch or one that T3 has raised.
    if (state.extent?.history.timeline === record.timeline) return restartInPlace(facts, next, present, []);
    if (!mayRetry(facts, 'start-standby')) return decision(next, 'promoting', 'start failed; trying again shortly', ...renew);
    return decision(
      next,
      'promoting',
      'starting as a standby to promote',
      job({ kind: 'start-standby', record, follow: false, unfit: null }),
      ...renew,
    );
  }
  return decision(next, 'promoting', 'waiting for PostgreSQL', ...renew);
}

/** Otherwise than our own promotion would. */
function hasLeftFloor(extent: WalExtent, record: LeaderRecord): boolean {
  return !isOfRecord(extent, record) && extent.history.ancestors.some(({ timeline }) => timeline === record.floor.timeline);
}

function notAtFloor(boundary: WalExtent, floor: WalPosition): string {
  return `PGB-1304 our WAL ends at ${formatPosition(extentPosition(boundary))}, and we claimed from ${formatPosition(floor)}`;
}

/** T6: serving only when k members of the claimed set have flushed past the promotion record. */
function finishPromotion(facts: Facts, memory: Memory, present: Present, server: ServerFacts, renew: readonly Action[]): Decision {
  const { record, modRevision } = present;
  if (server.history.timeline !== record.timeline)
    return alarmed(
      memory,
      `PGB-1314 promoted to timeline ${String(server.history.timeline)} instead of ${String(record.timeline)}`,
      job({ kind: 'kill', why: 'wrong timeline' }),
    );
  const reenlist = reenlistRunning(facts, watchMembers(facts, memory, server, record), present);
  const watched = reenlist.memory;
  if (reenlist.action !== null)
    return decision(watched, 'promoting', 'members had promised a higher epoch: re-enlisting them', reenlist.action);
  const safe = facts.inForce.kind === 'proven' && isSafePair(record.set, facts.inForce.set);
  const since = safe && facts.inForce.kind === 'proven' ? facts.inForce.provenAtLsn : null;
  if (record.set.k === 0 || (since !== null && flushedPast(server, record.set, since) >= record.set.k)) {
    const serving: LeaderRecord = { ...record, seq: record.seq + 1, state: { kind: 'serving' } };
    return decision({ ...watched, promotingSinceMs: null }, 'promoting', 'promoted, and the quorum has it: serving', {
      kind: 'change',
      rule: 'T6',
      record: serving,
      modRevision,
      history: null,
    });
  }
  // A member of the claimed set may have died since: P7 applies here as in serving, the holder's PostgreSQL is a primary on its own timeline.
  const step = setStep(
    facts,
    watched,
    present,
    server,
    'promoting',
    `promoted; waiting for ${String(record.set.k)} of ${describe(record.set.members)} to attach`,
  );
  // One that has just been cloned has no slots yet, and without theirs the members cannot attach.
  const slots = step.actions.some(({ kind }) => kind === 'job')
    ? { actions: [], memory: step.memory }
    : keepSlots(facts, step.memory, server);
  return alsoRenew({ ...step, memory: slots.memory, actions: [...step.actions, ...slots.actions] }, renew);
}
