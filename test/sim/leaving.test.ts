/**
 * A standby that does not start asks its leader to let it go, because it wants a fresh copy. Two stories about those who then do start after all, and about those
 * whom a fresh copy does not help either.
 */
import { describe, expect, it } from 'vitest';
import { Cluster } from '../../chaos/sim/cluster.ts';
import type { SimNode } from '../../chaos/sim/node.ts';
import { optionsOf } from '../../chaos/sim/options.ts';
import { World } from '../../chaos/sim/world.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import { DEFAULT_POLICY } from '../../shared/domain/policy.ts';

const SEED = 3;
const UP_BY_MS = 2_000;
const STEP_MS = 5;
const ASKED_WITHIN_MS = 20_000;

type Scene = { readonly cluster: Cluster; readonly leader: SimNode; readonly standby: SimNode; readonly copies: () => number };

/** Three nodes, and a standby whose PostgreSQL has ended and is refused every start. */
function refused(): Scene {
  let copies = 0;
  const world = new World(SEED, new Set(), ({ text }) => {
    if (text === 'begins clone' || text === 'begins rewind') copies += 1;
  });
  const options = {
    ...optionsOf(SEED),
    nodes: 3,
    policy: DEFAULT_POLICY,
    isColdStart: false,
    clients: 1,
    paceMs: 40,
    faults: [],
    calm: null,
  };
  const cluster = new Cluster(world, options);
  cluster.start();
  world.run(UP_BY_MS);
  const { leader } = cluster;
  const standby = cluster.nodes.find((node) => node !== leader);
  if (leader === null || standby === undefined) throw new Error('the cluster has not come up');
  standby.weather.startRefusals += 1;
  cluster.killPostmaster(standby);
  return { cluster, leader, standby, copies: () => copies };
}

function isEnlisted({ cluster, standby }: Scene): boolean {
  return cluster.store.record?.set.members.some((member) => nameOf(member) === standby.name) === true;
}

describe('a standby that did not start', () => {
  it('and asked to be let go is enlisted again when it starts after all', () => {
    const scene = refused();
    const { cluster, leader, standby, copies } = scene;
    const member = standby.directory?.marker;
    const { world } = cluster;
    const hasAsked = (): boolean => {
      const machine = cluster.agentOf(leader).machine;
      return member !== null && member !== undefined && machine?.facts(leader.clock.nowMs).leaving.has(member) === true;
    };
    while (!hasAsked() && world.nowMs < ASKED_WITHIN_MS) world.run(world.nowMs + STEP_MS);
    expect(hasAsked()).toBe(true);
    standby.weather.startRefusals -= 1;
    // The copy that it asked for fails: nothing of what it has is gone.
    standby.failpoint.arm('clone', { kind: 'fails', when: 'before' });
    world.run(world.nowMs + 15_000);
    expect(standby.life?.role).toBe('standby');
    expect(isEnlisted(scene)).toBe(true);
    expect(copies()).toBeLessThanOrEqual(1);
  });

  it('does not take copy after copy from its leader when the cause is not in the data', () => {
    const { cluster, standby, copies } = refused();
    cluster.world.run(cluster.world.nowMs + 30_000);
    expect(standby.life).toBeNull();
    expect(copies()).toBeGreaterThan(0);
    expect(copies()).toBeLessThan(12);
  });
});
