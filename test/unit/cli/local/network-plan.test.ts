import { describe, expect, it } from 'vitest';
import { harnessLinkOf, namespaceOf, pickSubnet, placesOf } from '../../../../cli/local/network-plan.ts';
import type { LocalPlan } from '../../../../cli/local/plan.ts';

const plan: LocalPlan = {
  version: 1,
  id: '00112233445566aa',
  cluster: 'local',
  mode: 'quorum',
  osUser: 'postgres',
  postgresBinDir: '/bin',
  etcdProgram: '/bin/etcd',
  network: { subnet: '10.7.9', ipProgram: '/bin/ip' },
  freezer: '/sys/fs/cgroup/freezer/pgbaton-00112233445566aa',
  etcd: [{ name: 'e1', host: '10.7.9.11', clientPort: 1, peerPort: 2 }],
  nodes: [{ name: 'n1', host: '10.7.9.21', pgPort: 3, apiPort: 4 }],
  proxy: { host: '10.7.9.41', rwPort: 5, roPort: 6, apiPort: 7 },
};

function dice(...values: readonly number[]): () => number {
  let at = 0;
  return () => values[at++ % values.length] ?? 0;
}

describe('the network of a local cluster', () => {
  it('gives every component a namespace, a cable and an address of its own, all named after the cluster', () => {
    const places = placesOf(plan);
    expect(places.map(({ component }) => component)).toEqual(['e1', 'n1', 'proxy']);
    expect(new Set(places.map(({ outside }) => outside)).size).toBe(3);
    expect(new Set(places.map(({ address }) => address)).size).toBe(3);
    expect(places.every(({ namespace }) => namespace.includes(plan.id))).toBe(true);
    expect(namespaceOf(plan, 'n1')).toBe(places[1]?.namespace);
  });

  it('keeps every name of an interface within what the kernel allows', () => {
    for (const name of [harnessLinkOf(plan), ...placesOf(plan).map(({ outside }) => outside)]) expect(name.length).toBeLessThanOrEqual(15);
  });

  it('takes no range that overlaps an address or a route of the machine, however wide that is', () => {
    // The first three throws give 10.0.x twice, then 10.128.x: only the last is free.
    const taken = [
      { address: '10.0.0.5', prefixLength: 24 },
      { address: '10.0.128.0', prefixLength: 17 },
      { address: '0.0.0.0', prefixLength: 0 },
    ];
    expect(pickSubnet(taken, dice(0, 0, 0, 0.7, 0.5, 0.5))).toBe('10.128.128');
  });

  it('says so when everything is taken', () => {
    expect(pickSubnet([{ address: '10.0.0.0', prefixLength: 8 }], Math.random)).toBeNull();
  });
});
