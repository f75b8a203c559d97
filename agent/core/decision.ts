/** The result of one decision, and how one is put together. */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { Action, Job } from './actions.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';

/** What this node is doing, in one word for operators. */
export type NodeState =
  | 'waiting'
  | 'bootstrapping'
  | 'joining'
  | 'following'
  | 'candidate'
  | 'rejoining'
  | 'leading'
  | 'promoting'
  | 'crashed'
  | 'released'
  | 'handing-over'
  | 'alarmed';

export type Decision = {
  readonly state: NodeState;
  /** Why, in one sentence, with the numbers that decided. */
  readonly reason: string;
  readonly actions: readonly Action[];
  readonly memory: Memory;
  /** Needs an operator: shown in the status and logged on its edge. */
  readonly alarm: string | null;
};

/** The record as present in the store, with the revision a change must compare. */
export type Present = { readonly record: LeaderRecord; readonly modRevision: bigint; readonly firstSeenAtMs: number };

export function decision(memory: Memory, state: NodeState, reason: string, ...actions: readonly Action[]): Decision {
  return { state, reason, actions, memory, alarm: null };
}

export function alarmed(memory: Memory, reason: string, ...actions: readonly Action[]): Decision {
  return { state: 'alarmed', reason, actions, memory, alarm: reason };
}

export function job(value: Job): Action {
  return { kind: 'job', job: value };
}

/** A job that keeps failing is tried again after a pause that grows to ten seconds. */
export function mayRetry(facts: Facts, kind: Job['kind']): boolean {
  const failure = facts.failures.get(kind);
  if (failure === undefined) return true;
  return facts.reached(failure.atMs + Math.min(10_000, 100 * 2 ** Math.min(failure.count, 7)));
}
