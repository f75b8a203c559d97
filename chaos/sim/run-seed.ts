/**
 * One seed: first anything may go wrong and nothing may be lost; then everything is healed and the cluster has to become whole by itself, in bounded
 * time. The result says what happened; a violation says what must never.
 */
import { Cluster } from './cluster.ts';
import { checkCalm } from './calm.ts';
import { Faults } from './faults.ts';
import { recover } from './finale.ts';
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
    recover(cluster);
    checkCalm(cluster);
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
