/**
 * Names and addresses of a cluster whose components live in network namespaces of their own. Pure. Every name carries the cluster's id, so that
 * nothing on the machine that belongs to anybody else can be meant by one.
 */
import { PROXY_NAME, type LocalPlan } from './plan.ts';

export type Place = {
  readonly component: string;
  readonly namespace: string;
  /** The end of the cable at the bridge. Inside it is always `eth0`. */
  readonly outside: string;
  readonly address: string;
};

/** 15 bytes are all that the kernel gives to the name of an interface, so it carries half of the id only. */
const ID_IN_LINK_NAME = 8;
export const PREFIX_LENGTH = 24;
const HARNESS = 1;
const FIRST_ETCD = 11;
const FIRST_NODE = 21;
const PROXY = 41;

/**
 * Where the bridge stands. In the machine's own namespace it would be under the machine's packet filter: an engine for containers sets it to
 * drop what is forwarded and has it asked about bridged packets too, and no node would ever reach another.
 */
export function switchNamespaceOf(plan: Pick<LocalPlan, 'id'>): string {
  return namespaceOf(plan, 'switch');
}

/** The end of the harness's cable in the machine's own namespace: all of the network that is to be seen there. */
export function harnessLinkOf({ id }: Pick<LocalPlan, 'id'>): string {
  return linkName(id, 'hs');
}

/** The harness's cable carries this text as its alias; a link that does not is somebody else's, whatever its name. */
export function ownerMark({ id }: Pick<LocalPlan, 'id'>): string {
  return `pgbaton-${id}`;
}

export function namespaceOf({ id }: Pick<LocalPlan, 'id'>, component: string): string {
  return `pgbaton-${id}-${component}`;
}

/** Clients, operators and whoever breaks the cluster reach it from here: the machine's own namespace. */
export function harnessAddress(subnet: string): string {
  return `${subnet}.${String(HARNESS)}`;
}

export function etcdAddress(subnet: string, index: number): string {
  return `${subnet}.${String(FIRST_ETCD + index)}`;
}

export function nodeAddress(subnet: string, index: number): string {
  return `${subnet}.${String(FIRST_NODE + index)}`;
}

export function proxyAddress(subnet: string): string {
  return `${subnet}.${String(PROXY)}`;
}

export function placesOf(plan: LocalPlan): readonly Place[] {
  const components = [...plan.etcd, ...plan.nodes, { ...plan.proxy, name: PROXY_NAME }];
  return components.map(({ name, host }) => ({
    component: name,
    namespace: namespaceOf(plan, name),
    outside: linkName(plan.id, name === PROXY_NAME ? 'px' : name),
    address: host,
  }));
}

function linkName(id: string, suffix: string): string {
  return `pgb${id.slice(0, ID_IN_LINK_NAME)}${suffix}`;
}

export type Range = { readonly address: string; readonly prefixLength: number };

/** A `10.x.y` that overlaps nothing the machine has an address in or a route to. Null when chance found none. */
export function pickSubnet(taken: readonly Range[], random: () => number): string | null {
  for (let tries = 0; tries < 200; tries += 1) {
    const subnet = `10.${String(Math.floor(random() * 256))}.${String(Math.floor(random() * 256))}`;
    const wanted: Range = { address: `${subnet}.0`, prefixLength: PREFIX_LENGTH };
    if (!taken.some((range) => overlap(range, wanted))) return subnet;
  }
  return null;
}

function overlap(one: Range, other: Range): boolean {
  const bits = Math.min(one.prefixLength, other.prefixLength);
  // A default route leads everywhere and reserves nothing.
  if (bits === 0) return false;
  const shift = 32 - bits;
  return numberOf(one.address) >>> shift === numberOf(other.address) >>> shift;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
