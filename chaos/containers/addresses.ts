/**
 * Who has which address in a compose project that is to be broken. Pure; it says the same as docker/chaos.yml, and a test holds the two together.
 * A node has two addresses: one among the others, and one that leads only to it.
 */
import type { Roster } from '../faults/ground.ts';
import type { Entry } from '../ledger/entry.ts';

const PG_PORT = 5432;
const API_PORT = 8008;
const ETCD_CLIENT_PORT = 2379;
const ETCD_PEER_PORT = 2380;
const MEMBERS = [1, 2, 3] as const;
const FIRST_ETCD = 10;
const FIRST_NODE = 20;
const PROXY = 41;
const FIRST_DOOR = 130;
const DOORS_APART = 16;

export type Addresses = Roster & {
  /** Where applications go. */
  readonly proxyHost: string;
  readonly proxyPort: number;
  /** By node: its address among the others. */
  readonly inside: ReadonlyMap<string, string>;
  /** What a node's server calls itself to whoever comes through its door, and what it calls itself to everybody else. */
  readonly doors: ReadonlyMap<string, string>;
};

/** `subnet`: the first three numbers of the addresses. */
export function addressesOf(subnet: string): Addresses {
  const at = (last: number): string => `${subnet}.${String(last)}`;
  const doorOf = (number: number): string => at(FIRST_DOOR + (number - 1) * DOORS_APART);
  const insideOf = (number: number): string => at(FIRST_NODE + number);
  return {
    etcd: MEMBERS.map((number) => ({
      name: `etcd${String(number)}`,
      host: at(FIRST_ETCD + number),
      clientPort: ETCD_CLIENT_PORT,
      peerPort: ETCD_PEER_PORT,
    })),
    nodes: MEMBERS.map((number) => ({ name: `n${String(number)}`, host: doorOf(number), pgPort: PG_PORT, apiPort: API_PORT })),
    proxyHost: at(PROXY),
    proxyPort: PG_PORT,
    inside: new Map(MEMBERS.map((number) => [`n${String(number)}`, insideOf(number)])),
    doors: new Map(MEMBERS.map((number) => [serverAt(doorOf(number)), serverAt(insideOf(number))])),
  };
}

/** As a server tells it of itself. */
function serverAt(host: string): string {
  return `${host}:${String(PG_PORT)}`;
}

/** Without this, a server that answers at two addresses would look like two servers on one timeline. */
export function withoutDoors(entries: readonly Entry[], doors: ReadonlyMap<string, string>): readonly Entry[] {
  if (doors.size === 0) return entries;
  return entries.map((entry) => {
    const { served } = entry;
    const server = served === null ? undefined : doors.get(served.server);
    return served === null || server === undefined ? entry : { ...entry, served: { ...served, server } };
  });
}
