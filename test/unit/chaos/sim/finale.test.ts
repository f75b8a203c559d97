/** What may be asked of a cluster that has been healed, and what is asked of it. */
import { describe, expect, it } from 'vitest';
import { canLoseTwo, recover } from '../../../../chaos/sim/finale.ts';
import { Cluster } from '../../../../chaos/sim/cluster.ts';
import { optionsOf, type SimOptions } from '../../../../chaos/sim/options.ts';
import { World } from '../../../../chaos/sim/world.ts';
import { DEFAULT_POLICY } from '../../../../shared/domain/policy.ts';

const SEED = 11;
const UP_BY_MS = 3_000;

function quiet(changes: Partial<SimOptions>): Cluster {
  const options = {
    ...optionsOf(SEED),
    policy: DEFAULT_POLICY,
    isColdStart: false,
    clients: 2,
    paceMs: 20,
    faults: [],
    calm: null,
    ...changes,
  };
  const cluster = new Cluster(new World(SEED, new Set(), null), options);
  cluster.start();
  cluster.world.run(UP_BY_MS);
  return cluster;
}

describe('the finale', () => {
  it('a planned move ends with another leader, and everybody follows it', () => {
    const cluster = quiet({ nodes: 3, finale: 'move' });
    const { leader } = cluster;
    recover(cluster);
    expect(cluster.leader).not.toBe(leader);
    expect(cluster.judge.epochs).toBe(1);
  });

  it('a last stand ends with a leader although the old one, and whoever died before its claim, never come back', () => {
    const cluster = quiet({ nodes: 5, finale: 'last-stand' });
    const { leader } = cluster;
    recover(cluster);
    expect(leader?.isPowered).toBe(false);
    expect(cluster.leader?.isPowered).toBe(true);
    expect(cluster.judge.epochs).toBeGreaterThan(0);
  });

  it.each([
    { nodes: 3, k: null, strict: false, can: false },
    { nodes: 3, k: 2, strict: false, can: true },
    // Nobody would be left to acknowledge.
    { nodes: 3, k: 2, strict: true, can: false },
    { nodes: 4, k: null, strict: false, can: true },
    { nodes: 5, k: 1, strict: false, can: false },
  ])('two of $nodes may be lost for good when k = $k, strict $strict: $can', ({ nodes, k, strict, can }) => {
    expect(canLoseTwo({ nodes, policy: { ...DEFAULT_POLICY, k, strict } })).toBe(can);
  });
});
