/**
 * T3: the holder takes its own leadership up again under a higher epoch, because members have promised somebody who never claimed. The timeline,
 * the floor and the set never change (H22): whatever was acknowledged stays required.
 */
import { maxEpoch, type Epoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import { extentPosition, formatPosition, type WalExtent } from '../../shared/domain/wal-position.ts';
import type { ServerState } from '../postgres/port.ts';
import type { Action } from './actions.ts';
import { alarmed, decision, job, type Decision, type Present } from './decision.ts';
import { isAtFloor, isOfRecord, ownBoundary } from './extent.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';

/** T3, running: a wrong suspicion made members promise somebody else; raise the epoch ourselves. The timeline, floor and set never change. */
export function reenlistRunning(
  facts: Facts,
  memory: Memory,
  { record, modRevision }: Present,
): { readonly memory: Memory; readonly action: Action | null } {
  // Not only members of the set: a node that promised in vain and was removed meanwhile would never be allowed to follow us again.
  const above = [...facts.peers.values()].filter(
    (peer) =>
      peer.promised > record.epoch && facts.store.nodes.get(peer.name)?.member === peer.member && !record.barred.includes(peer.member),
  );
  if (above.length === 0) return { memory: { ...memory, promisedAboveSinceMs: null }, action: null };
  const since = memory.promisedAboveSinceMs ?? facts.nowMs;
  const next: Memory = { ...memory, promisedAboveSinceMs: since };
  // Incarnations that are gone for good can neither follow us nor elect anybody; they leave the set afterwards.
  const living = record.set.members.filter((member) => facts.store.nodes.get(nameOf(member))?.member === member);
  const reachable = living.filter((member) => facts.peers.get(nameOf(member))?.member === member).length;
  if (
    !facts.reached(Math.max(since + facts.self.policy.promiseByMs, memory.reenlistAfterMs)) ||
    reachable < Math.min(record.set.k, living.length)
  )
    return { memory: next, action: null };
  const raised: Epoch = maxEpoch(record.epoch, ...above.map((peer) => peer.promised));
  return {
    memory: { ...next, promisedAboveSinceMs: null, reenlistAfterMs: facts.nowMs + facts.self.policy.ttlMs / 2 },
    action: { kind: 'change', rule: 'T3', record: { ...record, epoch: raised, seq: record.seq + 1 }, modRevision, history: null },
  };
}

/** T3, stopped. */
export function reenlistStopped(facts: Facts, memory: Memory, { record, modRevision, firstSeenAtMs }: Present, why: string): Decision {
  const { state } = facts.server;
  const { promiseByMs, clockDrift } = facts.self.policy;
  // Async: whoever lacks some of it claims after a lease (P9), and must find the record still released then.
  const waitMs = 2 * promiseByMs + (record.mode === 'async' ? record.ttlMs * (1 + clockDrift) : 0);
  if (!facts.reached(firstSeenAtMs + waitMs)) return decision(memory, 'released', `${why}; leaving others the time to claim`);
  if (state.kind === 'running' && !state.facts.inRecovery)
    return decision(memory, 'released', 'stopping before re-enlisting', job({ kind: 'kill', why: 're-enlist' }));
  const never = record.state.kind === 'released' ? whyNeverAgain(facts, record) : null;
  if (never !== null) return alarmed(memory, `PGB-1304 ${why}, and ${never}: an operator must fail over`);
  const timeline =
    state.kind === 'stopped' ? (state.extent?.history.timeline ?? null) : state.kind === 'running' ? state.facts.history.timeline : null;
  if (timeline === null) return decision(memory, 'released', `${why}; our own WAL cannot be read yet`);
  const next: LeaderRecord = {
    ...record,
    epoch: maxEpoch(record.epoch, facts.file.promised),
    seq: record.seq + 1,
    state: timeline === record.timeline ? { kind: 'serving' } : { kind: 'promoting' },
  };
  return decision({ ...memory, sitOutEpoch: null, crash: null }, 'released', `${why}: taking it up again`, {
    kind: 'change',
    rule: 'T3',
    record: next,
    modRevision,
    history: null,
  });
}

/**
 * Taken up again it would be released again, by T4 or T5, and so on for ever (simulator seed 17631: somebody had promoted the holder and all its members by
 * hand). Others may still claim; if none of them can, only an operator knows whose WAL is to be kept.
 */
function whyNeverAgain({ server, file }: Facts, record: LeaderRecord): string | null {
  if (server.state.kind === 'absent') return 'our data directory is gone';
  if (file.dir !== 'ok') return 'our data directory is being rebuilt';
  const astray = astrayEnd(server.state, record);
  return astray === null
    ? null
    : `our WAL ends at ${formatPosition(extentPosition(astray))}, off the road from ${formatPosition(record.floor)}`;
}

function astrayEnd(state: ServerState, record: LeaderRecord): WalExtent | null {
  const end = state.kind === 'stopped' ? state.extent : ownBoundary(state);
  if (end === null || isOfRecord(end, record)) return null;
  // Where exactly a stopped standby ends its replay will tell.
  const isOnFloor =
    state.kind === 'stopped' ? end.history.timeline === record.floor.timeline : isAtFloor(extentPosition(end), record.floor);
  return isOnFloor ? null : end;
}
