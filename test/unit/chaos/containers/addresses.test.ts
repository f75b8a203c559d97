import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { addressesOf, withoutDoors } from '../../../../chaos/containers/addresses.ts';
import { repositoryRoot } from '../../../../chaos/containers/compose-project.ts';
import { checkEpochs } from '../../../../chaos/ledger/epochs.ts';
import type { Entry } from '../../../../chaos/ledger/entry.ts';

const composeSchema = z.object({
  services: z.record(z.string(), z.object({ networks: z.record(z.string(), z.object({ ipv4_address: z.string() })) })),
  networks: z.record(
    z.string(),
    z.object({ internal: z.boolean().default(false), ipam: z.object({ config: z.array(z.object({ subnet: z.string() })) }) }),
  ),
});

const SUBNET = '10.1.2';
const root = repositoryRoot() ?? '';
const file = composeSchema.parse(
  parse(readFileSync(join(root, 'docker', 'chaos.yml'), 'utf8').replaceAll('${PGBATON_CHAOS_SUBNET}', SUBNET)),
);
const { etcd, nodes, proxyHost, inside, doors } = addressesOf(SUBNET);

function addressIn(service: string, isNetwork: (name: string) => boolean): string | undefined {
  return Object.entries(file.services[service]?.networks ?? {}).find(([name]) => isNetwork(name))?.[1].ipv4_address;
}

describe('the addresses of a compose project that is to be broken', () => {
  it('are those that docker/chaos.yml gives', () => {
    const isDefault = (name: string): boolean => name === 'default';
    for (const { name, host } of etcd) expect(addressIn(name, isDefault)).toBe(host);
    for (const { name, host } of nodes) {
      expect(addressIn(name, (network) => !isDefault(network))).toBe(host);
      expect(addressIn(name, isDefault)).toBe(inside.get(name));
    }
    expect(addressIn('proxy', isDefault)).toBe(proxyHost);
    expect(Object.keys(file.services)).toHaveLength(etcd.length + nodes.length + 1);
  });

  it('lead through a door to one node only, and from there nowhere', () => {
    const users = Object.values(file.services).flatMap(({ networks }) => Object.keys(networks));
    for (const [name, { internal }] of Object.entries(file.networks).filter(([network]) => network !== 'default')) {
      expect(users.filter((network) => network === name)).toHaveLength(1);
      expect(internal).toBe(true);
    }
  });
});

describe('a server with two addresses', () => {
  const served = (server: string, atMs: number): Entry => ({
    writer: 1,
    seq: atMs,
    route: 'proxy',
    invokedMs: atMs,
    endedMs: atMs + 1,
    outcome: 'ok',
    served: { server, timeline: 1, lsn: '0/1', backendPid: 1 },
  });
  const [n1, n2] = nodes;
  const viaProxy = served(`${inside.get('n1') ?? ''}:5432`, 1);
  const throughDoor = served(`${n1?.host ?? ''}:5432`, 2);

  it('is one server, whichever way its clients came', () => {
    expect(checkEpochs([viaProxy, throughDoor]).shared).toHaveLength(1);
    expect(checkEpochs(withoutDoors([viaProxy, throughDoor], doors)).shared).toEqual([]);
  });

  it('does not hide that two of them served one timeline', () => {
    const other = served(`${n2?.host ?? ''}:5432`, 3);
    expect(checkEpochs(withoutDoors([viaProxy, other], doors)).shared).toHaveLength(1);
  });

  it('is left alone where it told nothing or has one address', () => {
    const unknown: Entry = { ...viaProxy, outcome: 'unknown', served: null };
    expect(withoutDoors([unknown, viaProxy], doors)).toEqual([unknown, viaProxy]);
    expect(withoutDoors([throughDoor], new Map())).toEqual([throughDoor]);
  });
});
