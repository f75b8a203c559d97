/**
 * One seed: first anything may go wrong and nothing may be lost; then everything is healed and the cluster has to become whole by itself, in bounded
 * time. The result says what happened; a violation says what must never.
 */
import { Cluster } from './cluster.ts';
import { Faults } from './faults.ts';
import { optionsOf, type SimOptions } from './options.ts';
import { Violation, World, type TraceLine } from './world.ts';

export type SeedResult = {
  readonly seed: number;
  readonly events: number;
  readonly hash: string;
  readonly virtualMs: number;
  readonly faults: number;
  /** Leaderships that began. */
  readonly epochs: number;
  readonly acknowledged: number;
  readonly violation: { readonly invariant: string; readonly message: string; readonly atMs: number } | null;
};

/** A cluster that is healed has this long to become whole. */
const WHOLE_WITHIN_MS = 60_000;
/** Whole for this long, with writes acknowledged all the time. */
const STEADY_MS = 1_000;
const CHECK_MS = 50;
/** An operator notices by then that the one copy everybody waits for is gone. */
const OPERATOR_AFTER_MS = 8_000;

export function runSeed(
  seed: number,
  marks: Set<string>,
  tell: ((line: TraceLine) => void) | null = null,
  options: SimOptions = optionsOf(seed),
): SeedResult {
  const world = new World(seed, marks, tell);
  const cluster = new Cluster(world, options);
  const faults = new Faults(cluster);
  let violation: SeedResult['violation'] = null;
  try {
    cluster.start();
    faults.start();
    world.run(options.faultyMs);
    faults.heal();
    heal(cluster);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = { invariant: error.invariant, message: error.message, atMs: world.nowMs };
  }
  return {
    seed,
    events: world.events,
    hash: world.hash,
    virtualMs: world.nowMs,
    faults: faults.count,
    epochs: cluster.judge.epochs,
    acknowledged: cluster.judge.acknowledgedCount,
    violation,
  };
}

function heal(cluster: Cluster): void {
  const { world } = cluster;
  const healedAtMs = world.nowMs;
  let wholeSinceMs: number | null = null;
  let why: string | null = 'nothing was seen';
  while (wholeSinceMs === null || world.nowMs - wholeSinceMs < STEADY_MS) {
    world.run(world.nowMs + CHECK_MS);
    cluster.operator.repairStore();
    if (world.nowMs - healedAtMs > OPERATOR_AFTER_MS) cluster.operator.replaceLostLeader();
    why = whyNotWhole(cluster);
    if (why === null) wholeSinceMs ??= world.nowMs;
    else wholeSinceMs = null;
    if (world.nowMs - healedAtMs > WHOLE_WITHIN_MS)
      throw new Violation('progress', `${String(WHOLE_WITHIN_MS / 1000)} s after everything was healed: ${why ?? 'not steady'}`);
  }
  const { leader } = cluster;
  if (leader !== null) cluster.judge.checkFinal(leader);
}

/** Null: one serving leader whose writes return, everybody else streams from it and stands in its set. */
export function whyNotWhole(cluster: Cluster): string | null {
  const { record } = cluster.store;
  const { leader } = cluster;
  if (record === null || leader === null) return 'there is no leader record';
  if (record.state.kind !== 'serving') return `the record of ${record.holder} is ${record.state.kind}`;
  const { life } = leader;
  if (life === null || life.role !== 'primary') return `${leader.name} holds the record, its PostgreSQL is ${life?.role ?? 'down'}`;
  if (!leader.rendered.open) return `${leader.name} lets nobody in`;
  if (cluster.world.nowMs - cluster.tally.lastAcknowledgedAtMs > 500) return 'no write has been acknowledged lately';
  const others = cluster.nodes.filter((node) => node !== leader);
  const away = others.find((node) => life.senders.every(({ member }) => member !== node.directory?.marker));
  if (away !== undefined) return `${away.name} does not stream from ${leader.name}`;
  if (record.mode === 'quorum' && record.set.members.length !== others.length)
    return `the set has ${String(record.set.members.length)} of ${String(others.length)} members`;
  return null;
}
