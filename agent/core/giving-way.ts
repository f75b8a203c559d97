/**
 * A holder whose PostgreSQL lives and does no work gives way, when somebody healthier is there to take over (PROTOCOL P10 gray failures): it says
 * `down` as after a crash, and kills. Without such a one it stays: a slow leader is better than none, and an operator hears of it.
 */
import type { Action } from './actions.ts';
import { decision, job, mayRetry, type Decision, type Present } from './decision.ts';
import type { Facts } from './facts.ts';
import { isSomebodyHealthier, whySick } from './health.ts';
import type { Memory } from './memory.ts';
import { recentClaims } from './unrest.ts';

const DOUBLINGS_MAX = 4;

/** Null: PostgreSQL does its work, or nobody would do it better. */
export function giveWay(facts: Facts, memory: Memory, { record }: Present): Decision | null {
  const why = whySick(facts);
  if (why === null || memory.heldSinceMs === null || !isSomebodyHealthier(facts, record)) return null;
  if (!facts.reached(memory.heldSinceMs + mustHaveLedMs(facts, memory))) return null;
  const crash = { epoch: record.epoch, atMs: facts.nowMs, saidAtMs: facts.nowMs };
  // In async mode nobody takes over on a word: what ends there is the lease, or the record is released when PostgreSQL is gone.
  const told: readonly Action[] =
    record.mode === 'async' ? [] : [{ kind: 'say-down', epoch: record.epoch, why: 'sick', to: record.set.members }];
  const reason = `${why}: giving way to somebody healthier`;
  return decision({ ...memory, crash }, 'crashed', reason, ...told, job({ kind: 'kill', why: 'gives way' }));
}

/** Storage that everybody shares stalls for everybody: whoever took over for slowness lately leads for a while, or leadership would go round. */
function mustHaveLedMs(facts: Facts, memory: Memory): number {
  const recent = recentClaims(facts, memory, 'sick');
  return recent === 0 ? 0 : facts.self.policy.minLeadMs * 2 ** Math.min(recent - 1, DOUBLINGS_MAX);
}

/**
 * A postmaster that answers no new session, and nobody to give way to: after a while it is better dead, and started again in place. Not on a disk that
 * hangs: there it could neither end nor start.
 */
export function restartFrozen(facts: Facts, memory: Memory, renew: readonly Action[]): Decision | null {
  const { knockSinceMs, diskSinceMs, strokeSinceMs } = facts.health;
  if (knockSinceMs === null || diskSinceMs !== null || strokeSinceMs !== null) return null;
  if (!facts.reached(knockSinceMs + 2 * facts.self.policy.promoteByMs) || !mayRetry(facts, 'kill')) return null;
  return decision(memory, 'crashed', 'no new session is answered: killing PostgreSQL', job({ kind: 'kill', why: 'silent' }), ...renew);
}

/** We have said that it is dead, and it is not gone yet. Until it is, this holder does nothing that a serving one would. */
export function isDying({ guard }: Facts, memory: Memory, { record }: Present): boolean {
  const { crash } = memory;
  if (crash === null || crash.epoch !== record.epoch || crash.saidAtMs === null || guard === null) return false;
  return guard.postmaster.kind === 'running' && guard.postmaster.startedAtMs <= crash.atMs;
}

/** Neither renewing nor releasing while enough members are on their way (P6). What hangs in the kernel is fenced, and may be released without its end. */
export function awaitEnd(facts: Facts, memory: Memory, { record }: Present, release: () => Decision): Decision {
  const { guard } = facts;
  const saidAtMs = memory.crash?.saidAtMs ?? facts.nowMs;
  const isFenced = guard?.postmaster.kind === 'running' && guard.postmaster.fenced;
  if (isFenced && facts.reached(saidAtMs + 2 * facts.self.policy.promiseByMs)) return release();
  const again = facts.job === null && mayRetry(facts, 'kill') ? [job({ kind: 'kill', why: 'gives way' })] : [];
  return decision(memory, 'crashed', `PostgreSQL of epoch ${record.epoch.toString()} was given up and has not ended yet`, ...again);
}
