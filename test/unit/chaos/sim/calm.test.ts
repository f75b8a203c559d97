/** Faults that are no reason for a failover cause none; and a failover in a calm seed would be noticed. */
import { describe, expect, it } from 'vitest';
import { CALMS, checkCalm } from '../../../../chaos/sim/calm.ts';
import { Cluster } from '../../../../chaos/sim/cluster.ts';
import { calmed, optionsOf } from '../../../../chaos/sim/options.ts';
import { runSeed } from '../../../../chaos/sim/run-seed.ts';
import { Violation, World } from '../../../../chaos/sim/world.ts';

const FIRST = 2_000_001;
const COUNT = 8;
const MOVED_BY_MS = 6_000;

describe('a calm seed', () => {
  it.each(CALMS)('has no failover: $name', (calm) => {
    const results = Array.from({ length: COUNT }, (_, at) => runSeed(FIRST + at, new Set(), null, calmed(optionsOf(FIRST + at), calm)));
    expect(results.filter(({ violation }) => violation !== null)).toEqual([]);
    expect(results.reduce((sum, { epochs }) => sum + epochs, 0)).toBe(0);
    // Without a fault it would be no wonder.
    expect(results.reduce((sum, { faults }) => sum + faults, 0)).toBeGreaterThan(COUNT);
  });

  it.each(CALMS)('is guilty when leadership moves: $name', (calm) => {
    const cluster = new Cluster(new World(FIRST, new Set(), null), calmed({ ...optionsOf(FIRST), nodes: 3 }, calm));
    cluster.start();
    cluster.world.run(MOVED_BY_MS / 2);
    expect(() => checkCalm(cluster)).not.toThrow();
    if (cluster.leader === null) throw new Error('the cluster has not come up');
    cluster.killPostmaster(cluster.leader);
    cluster.world.run(MOVED_BY_MS);
    expect(() => checkCalm(cluster)).toThrow(Violation);
  });
});
