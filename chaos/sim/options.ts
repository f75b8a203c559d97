/**
 * What one seed is about: the shape of the cluster, its timings, and the *subset* of faults that befall it. A swarm of narrow runs finds more than one
 * run of everything: a fault that happens all the time hides what only its absence lets grow.
 */
import { DEFAULT_POLICY, type Policy } from '../../shared/domain/policy.ts';
import { CALMS, policyOf, type Calm } from './calm.ts';
import { AIMED_KINDS, DRAWN_KINDS, type FaultKind } from './fault-kinds.ts';
import { canLoseTwo, type Finale } from './finale.ts';
import { Random } from './random.ts';

export type SimOptions = {
  readonly seed: number;
  readonly nodes: number;
  readonly policy: Policy;
  readonly isColdStart: boolean;
  readonly networkMs: number;
  /** As a share: 0.01 is a clock that is one percent off. */
  readonly clockDrift: number;
  readonly clients: number;
  readonly paceMs: number;
  /** How long faults go on before everything is healed. */
  readonly faultyMs: number;
  readonly faults: readonly FaultKind[];
  /** Mean pause between two faults. */
  readonly faultEveryMs: number;
  /** How many may be active at once. */
  readonly faultsAtOnce: number;
  /** Not null: these faults are no reason for a failover. */
  readonly calm: Calm | null;
  /** What happens once everything is healed. */
  readonly finale: Finale;
};

/** Combinations that lead where chance alone seldom gets: each stands for a state of sometimes.ts. */
const THEMES: readonly (readonly FaultKind[])[] = [
  ['restart-in-outage'],
  ['switchover', 'agent-dies-at-failpoint', 'node-partition'],
  ['switchover', 'machine-dies-at-failpoint', 'act-is-late'],
  ['switchover', 'agent-freeze', 'act-fails'],
  ['postmaster-kill', 'agent-dies-at-failpoint', 'act-fails'],
  ['double-kill', 'machine-dies-at-failpoint', 'act-is-late'],
  // Two leaders lost in a row, before everybody has followed the second.
  ['claimant-loss', 'disk-slow'],
  ['claimant-loss', 'link-cut', 'bad-network'],
  ['claimant-freeze'],
  ['claimant-freeze', 'act-is-late'],
  // Planned moves whose target goes away, and leaders that come back with a tail.
  ['machine-dies-at-failpoint', 'agent-dies-at-failpoint', 'act-fails'],
  ['leader-postmaster-kill', 'bad-network', 'leader-machine-loss'],
  // A standby that has just come back, with more on its disk than it has replayed, is asked how far it is.
  ['asked-while-replaying'],
  ['asked-while-replaying', 'replay-slow', 'leader-postmaster-kill'],
  // A promise that comes while a promotion, or a primary, is under way.
  ['leader-postmaster-kill', 'act-is-late', 'link-cut', 'leader-agent-freeze'],
  ['leader-agent-freeze', 'one-way-cut', 'operator-force'],
  // Whoever has what was acknowledged is promoted by hand, and somebody behind asks for its promise (H24).
  ['hand-made-and-leader-kill'],
  // A planned move to somebody who does not have everything yet when the leader has stopped.
  ['move-to-laggard'],
  ['move-to-laggard', 'leader-agent-freeze', 'link-cut'],
  // A new life of an agent meets what its former life had sent.
  ['agent-kill', 'store-late-commits', 'store-slow'],
  ['change-outlives-agent', 'store-slow'],
  // Members come and go while their walsenders are slow to hear of it.
  ['checkpointer-busy', 'node-partition', 'link-cut'],
  ['walsenders-slow', 'disk-slow', 'postmaster-kill', 'start-refused'],
  ['member-returns'],
  ['member-returns', 'disk-slow'],
  // A leader that cannot start in place gives up.
  ['start-refused', 'postmaster-kill', 'agent-kill', 'agent-dies-at-failpoint'],
  ['start-refused', 'leader-postmaster-kill', 'agent-kill', 'machine-dies-at-failpoint', 'act-is-late'],
];
const THEMED_SHARE = 0.35;
const AIMED_SHARE = 0.05;
const CALM_SHARE = 0.03;
const MOVE_SHARE = 0.2;
const LAST_STAND_SHARE = 0.2;

function drawFaults(random: Random): Set<FaultKind> {
  const wanted = 1 + random.int(5);
  const faults = new Set<FaultKind>();
  while (faults.size < wanted) faults.add(random.pick(DRAWN_KINDS));
  return faults;
}

/** From a stream of its own: all other seeds, those that test/sim keeps among them, go on telling the stories that they told before anything was aimed. */
function aim(seed: number, drawn: readonly FaultKind[]): readonly FaultKind[] {
  const random = new Random(seed, 'target');
  if (!random.chance(AIMED_SHARE)) return drawn;
  const kind = random.pick(AIMED_KINDS);
  return random.chance(0.3) ? [kind, random.pick(drawn)] : [kind];
}

function drawFinale(random: Random, shape: Pick<SimOptions, 'nodes' | 'policy'>): Finale {
  if (random.chance(MOVE_SHARE)) return 'move';
  return random.chance(LAST_STAND_SHARE) && canLoseTwo(shape) ? 'last-stand' : 'none';
}

export function optionsOf(seed: number): SimOptions {
  const random = new Random(seed, 'options');
  const calm = random.chance(CALM_SHARE) ? random.pick(CALMS) : null;
  const nodes = random.pick([2, 3, 3, 3, 3, 4, 5]);
  const policy: Policy = {
    ...DEFAULT_POLICY,
    mode: random.chance(0.06) ? 'async' : 'quorum',
    k: random.pick([null, null, null, 1, 2]),
    strict: random.chance(0.2),
    stallMs: random.pick([1_600, 3_000]),
    minLeadMs: random.pick([500, 500, 30_000]),
    clockDrift: 0.01,
  };
  const isThemed = random.chance(THEMED_SHARE);
  const faults = isThemed ? new Set<FaultKind>(random.pick(THEMES)) : drawFaults(random);
  const drawn: SimOptions = {
    seed,
    nodes,
    policy,
    isColdStart: random.chance(0.15),
    networkMs: random.pick([0.2, 0.5, 1, 3]),
    clockDrift: random.pick([0, 0.000_2, 0.004]),
    clients: 1 + random.int(3),
    paceMs: random.pick([20, 40, 80]),
    faultyMs: random.between(6_000, 16_000),
    faults: aim(seed, [...faults]),
    faultEveryMs: random.pick([400, 900, 1_800, 3_500]),
    faultsAtOnce: random.pick(isThemed ? [2, 2, 3] : [1, 1, 2, 2, 3]),
    calm,
    finale: drawFinale(random, { nodes, policy }),
  };
  return calm === null ? drawn : calmed(drawn, calm);
}

/** The same seed with nothing but the faults of that calm. */
export function calmed(drawn: SimOptions, calm: Calm): SimOptions {
  return {
    ...drawn,
    nodes: calm.nodes ?? drawn.nodes,
    policy: policyOf(calm, drawn.policy),
    isColdStart: false,
    faults: calm.faults,
    faultsAtOnce: 1,
    calm,
    finale: 'none',
  };
}
