/**
 * Narrow seeds about what must *not* happen: a few kinds of faults that are no reason for a failover, or not even for an error at a client. A protocol that
 * answers every hiccup with an election is safe and useless.
 */
import { DEFAULT_POLICY, type Policy } from '../../shared/domain/policy.ts';
import type { Cluster } from './cluster.ts';
import type { FaultKind } from './fault-kinds.ts';
import { Violation } from './world.ts';

export type Calm = {
  readonly name: string;
  readonly faults: readonly FaultKind[];
  readonly mayErr: boolean;
  readonly policy: Partial<Policy>;
  /** Null: whatever the seed draws. */
  readonly nodes: number | null;
};

/** No fault before the cluster has come up: what it does then is another question. */
export const CALM_FROM_MS = 3_000;

export const CALMS: readonly Calm[] = [
  // Confirmations carry the leader through whatever etcd does (P8, A1).
  { name: 'etcd is away', faults: ['store-outage'], mayErr: false, policy: {}, nodes: null },
  {
    name: 'etcd misbehaves',
    faults: ['store-outage', 'store-slow', 'store-late-commits', 'watch-breaks'],
    mayErr: true,
    policy: {},
    nodes: null,
  },
  // One link at a time: one node that hears nobody is no reason to depose a leader whom all the others hear (H14). With k = n a read quorum is one
  // member, and nobody has to agree; commits wait for the one behind the link until it is removed, which is not to count as a stall.
  { name: 'one bad link', faults: ['link-cut'], mayErr: true, policy: { k: 2, stallMs: 15_000 }, nodes: 3 },
];

export function policyOf(calm: Calm, drawn: Policy): Policy {
  return { ...drawn, mode: DEFAULT_POLICY.mode, ...calm.policy };
}

/** At the end of a calm seed. */
export function checkCalm({ options, judge, tally }: Cluster): void {
  const { calm } = options;
  if (calm === null) return;
  if (judge.epochs > 0) throw new Violation('calm', `${calm.name}: ${String(judge.epochs)} leaderships began`);
  if (!calm.mayErr && tally.errors > 0) throw new Violation('calm', `${calm.name}: ${String(tally.errors)} errors at clients`);
}
