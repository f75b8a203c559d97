/**
 * Timing and durability policy, and the relations its numbers must satisfy. A relation that does not hold is refused with the arithmetic,
 * never repaired: a repaired timing hides the operator's error until the night it matters. Defaults are PROTOCOL P10.
 */
import type { DurabilityMode } from './leader-record.ts';

export type Policy = {
  readonly mode: DurabilityMode;
  /** Acknowledgements a commit needs; null = ⌈n/2⌉ of n members. */
  readonly k: number | null;
  /** True: with no standby left, commits wait. False: the set degrades to nobody after `degradeAfterMs`. */
  readonly strict: boolean;
  readonly ttlMs: number;
  readonly renewMs: number;
  /** Subtracted from the ttl when the holder counts its own right. */
  readonly marginMs: number;
  readonly heartbeatMs: number;
  readonly suspectMs: number;
  readonly readFreshMs: number;
  readonly promiseAttemptMs: number;
  readonly promiseByMs: number;
  readonly etcdCallMs: number;
  readonly removeAfterMs: number;
  readonly degradeAfterMs: number;
  /** How long a promotion may go without progress. */
  readonly promoteByMs: number;
  /** How long a stage of a planned operation may take before it is aborted. */
  readonly stageByMs: number;
  /** Planned move: how long a transaction may go on, while all other clients wait, before it is broken off. */
  readonly parkMs: number;
  /** A PostgreSQL that commits nothing, or answers no new session, for so long counts as dead. */
  readonly stallMs: number;
  /** Where a leader was replaced for slowness lately, the next one leads at least so long before it may be: shared storage stalls for everybody. */
  readonly minLeadMs: number;
  /** Time the guard needs to kill every process and see it dead. */
  readonly killMs: number;
  /** Async: the largest lag a candidate may have behind the last recorded position. */
  readonly maxLagBytes: number;
  /** Async: how far two clocks may drift apart, as a fraction. */
  readonly clockDrift: number;
};

export const DEFAULT_POLICY: Policy = {
  mode: 'quorum',
  k: null,
  strict: false,
  ttlMs: 5_000,
  renewMs: 1_000,
  marginMs: 250,
  heartbeatMs: 150,
  suspectMs: 800,
  readFreshMs: 300,
  promiseAttemptMs: 400,
  promiseByMs: 1_000,
  etcdCallMs: 400,
  removeAfterMs: 1_000,
  degradeAfterMs: 3_500,
  promoteByMs: 5_000,
  stageByMs: 5_000,
  parkMs: 1_000,
  stallMs: 3_000,
  minLeadMs: 30_000,
  killMs: 500,
  maxLagBytes: 1_048_576,
  clockDrift: 0.01,
};

export type BrokenRelation = { readonly fields: readonly (keyof Policy)[]; readonly claim: string; readonly arithmetic: string };

type Relation = {
  readonly fields: readonly (keyof Policy)[];
  readonly claim: string;
  readonly sides: (policy: Policy) => readonly [number, '<' | '<=', number];
};

/** Every relation in words and as code; `docs/CONFIG.md` is generated from the same list. */
export const RELATIONS: readonly Relation[] = [
  {
    fields: ['renewMs', 'etcdCallMs', 'killMs', 'marginMs', 'ttlMs'],
    claim: 'renewMs + 2 × etcdCallMs + killMs + marginMs < ttlMs: a renewal may fail once, and the fence still works in time',
    sides: (p) => [p.renewMs + 2 * p.etcdCallMs + p.killMs + p.marginMs, '<', p.ttlMs],
  },
  {
    fields: ['etcdCallMs', 'ttlMs'],
    claim: '6 × etcdCallMs <= ttlMs: several calls must fit into one lease',
    sides: (p) => [6 * p.etcdCallMs, '<=', p.ttlMs],
  },
  {
    fields: ['heartbeatMs', 'suspectMs'],
    claim: '4 × heartbeatMs <= suspectMs: one lost heartbeat is not a death',
    sides: (p) => [4 * p.heartbeatMs, '<=', p.suspectMs],
  },
  {
    fields: ['suspectMs', 'promiseByMs', 'etcdCallMs', 'degradeAfterMs'],
    claim:
      'suspectMs + 100 + promiseByMs + 2 × etcdCallMs + 500 <= degradeAfterMs: nobody degrades to no standby while the standbys may be electing',
    sides: (p) => [p.suspectMs + 100 + p.promiseByMs + 2 * p.etcdCallMs + 500, '<=', p.degradeAfterMs],
  },
  {
    fields: ['suspectMs', 'stallMs'],
    claim: '2 × suspectMs <= stallMs: a server that is slow is given more time than one that is silent',
    sides: (p) => [2 * p.suspectMs, '<=', p.stallMs],
  },
  {
    fields: ['promiseAttemptMs', 'promiseByMs'],
    claim: '2 × promiseAttemptMs <= promiseByMs: a promise may be asked for twice before its round is over',
    sides: (p) => [2 * p.promiseAttemptMs, '<=', p.promiseByMs],
  },
];

export function brokenRelations(policy: Policy): readonly BrokenRelation[] {
  return RELATIONS.flatMap(({ fields, claim, sides }) => {
    const [left, order, right] = sides(policy);
    const holds = order === '<' ? left < right : left <= right;
    return holds ? [] : [{ fields, claim, arithmetic: `${String(left)} is not ${order} ${String(right)}` }];
  });
}
