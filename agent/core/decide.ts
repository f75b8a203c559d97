/**
 * The decision: facts and memory in, one decision out. Synchronous, total, and the only place where a node makes up its mind. It performs
 * nothing; it must never read a clock, and never decide from a fact that it cannot date.
 */
import type { Action } from './actions.ts';
import { decideWithoutRecord } from './bootstrap.ts';
import { decideAsCandidate, triggerOf } from './candidate.ts';
import { alarmed, decision, type Decision, type Present } from './decision.ts';
import type { Facts } from './facts.ts';
import { decideAsFollower } from './follower.ts';
import { decideAsHolder } from './holder.ts';
import type { Memory } from './memory.ts';
import { whyNotOurs } from './own-directory.ts';
import { noteClaim } from './unrest.ts';

/** These may push aside whatever the local PostgreSQL is being asked to do (P4.2: a promise cancels a pending start or promotion). */
const PREEMPTING: ReadonlySet<string> = new Set(['promise', 'kill']);
/**
 * These rest on what the record says about who must acknowledge. With a change on its way the record is two records, and putting a set in force
 * that is safe with the old one may lose an acknowledged commit under the new one (I13).
 */
const NEEDS_SETTLED: ReadonlySet<string> = new Set([
  'put-in-force',
  'start-primary',
  'start-standby',
  'promote',
  'open',
  'stop-for-switchover',
  // WAL that comes in behind a claim would be promoted without anybody having agreed to it.
  'fetch',
]);
/** They change what the node has, or whom it follows; a claim says what it has, and may not rest on what was seen in the middle of them. */
const MOVES_WAL: ReadonlySet<string> = new Set(['fetch', 'follow', 'start-standby', 'rewind', 'clone']);

export function decide(facts: Facts, memory: Memory): Decision {
  return withoutConflicts(facts, decideFreely(facts, memory));
}

function decideFreely(facts: Facts, memory: Memory): Decision {
  const { view, regressed } = facts.store;
  if (regressed !== null) return alarmed(memory, regressed);
  const stranger = whyNotOurs(facts, view.kind === 'present' ? view.record.systemId : null);
  if (stranger !== null) return alarmed(memory, `PGB-1301 ${stranger}`);
  switch (view.kind) {
    case 'unknown':
      return decision(memory, 'waiting', 'the leader record has not been read yet');
    case 'absent':
      return decideWithoutRecord(facts, memory);
    case 'present':
      return decideWithRecord(facts, memory, view);
  }
}

function decideWithRecord(facts: Facts, memory: Memory, present: Present): Decision {
  const { record } = present;
  const noted = noteClaim(facts, memory, record);
  if (record.holder === facts.self.member) return decideAsHolder(facts, { ...noted, candidacy: null }, present);
  const other: Memory = {
    ...noted,
    crash: null,
    promotingSinceMs: null,
    promisedAboveSinceMs: null,
    members: new Map(),
    leadingSinceMs: null,
    heldSinceMs: null,
  };
  const trigger = triggerOf(facts, other, present);
  if (trigger !== null) {
    const candidate = decideAsCandidate(facts, other, present, trigger);
    if (candidate !== null) return candidate;
  }
  return decideAsFollower(facts, { ...other, candidacy: null }, present);
}

/** S2: one change in flight. One job at a time, unless the new one must push the old one aside. */
function withoutConflicts(facts: Facts, made: Decision): Decision {
  const actions = made.actions.filter((action: Action) => {
    switch (action.kind) {
      case 'change':
        if (isClaim(action.rule) && facts.job !== null && MOVES_WAL.has(facts.job.kind)) return false;
        return facts.store.changeInFlight === 'none';
      case 'create':
      case 'renew':
        return facts.store.changeInFlight === 'none';
      case 'job':
        if (facts.store.changeInFlight === 'change' && NEEDS_SETTLED.has(action.job.kind)) return false;
        return facts.job === null || (PREEMPTING.has(action.job.kind) && facts.job.kind !== action.job.kind);
      case 'say-down':
      case 'ask-promises':
      case 'read-store':
      case 'operation':
        return true;
    }
  });
  return { ...made, actions };
}

function isClaim(rule: string): boolean {
  return rule === 'T1' || rule === 'T2' || rule === 'T11';
}
