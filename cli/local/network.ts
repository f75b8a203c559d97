/**
 * Makes and removes the bridge, the namespaces and the cables of a local cluster. It touches only what carries this cluster's names *and* its
 * mark, so that a name which happens to be taken is left alone; and removing twice, or after half of it was made, does no harm.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { z } from 'zod';
import { appError, messageOf } from '../../shared/errors.ts';
import { systemRandom } from '../../shared/runtime/random.ts';
import {
  harnessAddress,
  harnessLinkOf,
  ownerMark,
  pickSubnet,
  placesOf,
  PREFIX_LENGTH,
  switchNamespaceOf,
  type Range,
} from './network-plan.ts';
import type { LocalPlan } from './plan.ts';

const run = promisify(execFile);
const COMMAND_MS = 10_000;
const NAMESPACES = '/run/netns';
const BRIDGE = 'bridge';

export function namespacePath(namespace: string): string {
  return `${NAMESPACES}/${namespace}`;
}

const addressesSchema = z.array(z.object({ addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number() })) }));
const routesSchema = z.array(z.object({ dst: z.string() }));

export async function findFreeSubnet(ipProgram: string): Promise<string> {
  const ask = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await ip(ipProgram, ['-j', '-4', ...args])) || '[]');
  const addresses = addressesSchema.parse(await ask('addr', 'show'));
  const routes = routesSchema.parse(await ask('route', 'show', 'table', 'all'));
  const taken: readonly Range[] = [
    ...addresses.flatMap(({ addr_info: info }) => info.map(({ local, prefixlen }) => ({ address: local, prefixLength: prefixlen }))),
    ...routes.filter(({ dst }) => /^\d/.test(dst)).map(({ dst }) => rangeOf(dst)),
  ];
  const subnet = pickSubnet(taken, systemRandom);
  if (subnet === null) throw appError('PGB-1101', 'no free range of addresses in 10.0.0.0/8');
  return subnet;
}

function rangeOf(destination: string): Range {
  const [address = destination, length = '32'] = destination.split('/');
  return { address, prefixLength: Number(length) };
}

/** What an earlier life of the cluster, or half an attempt, left behind is removed first. */
export async function makeNetwork(plan: LocalPlan): Promise<void> {
  const { network } = plan;
  if (network === null) return;
  await removeNetwork(plan);
  const go = async (...args: readonly string[]): Promise<string> => ip(network.ipProgram, args);
  const hub = switchNamespaceOf(plan);
  const link = harnessLinkOf(plan);
  await go('netns', 'add', hub);
  await go('-n', hub, 'link', 'add', 'name', BRIDGE, 'type', 'bridge');
  await go('-n', hub, 'link', 'set', 'dev', BRIDGE, 'up');
  await go('link', 'add', 'name', link, 'type', 'veth', 'peer', 'name', link, 'netns', hub);
  await go('link', 'set', 'dev', link, 'alias', ownerMark(plan));
  await go('addr', 'add', `${harnessAddress(network.subnet)}/${String(PREFIX_LENGTH)}`, 'dev', link);
  await go('link', 'set', 'dev', link, 'up');
  await go('-n', hub, 'link', 'set', 'dev', link, 'master', BRIDGE, 'up');
  for (const { namespace, outside, address } of placesOf(plan)) {
    await go('netns', 'add', namespace);
    await go('-n', hub, 'link', 'add', 'name', outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await go('-n', hub, 'link', 'set', 'dev', outside, 'master', BRIDGE, 'up');
    await go('-n', namespace, 'addr', 'add', `${address}/${String(PREFIX_LENGTH)}`, 'dev', 'eth0');
    await go('-n', namespace, 'link', 'set', 'dev', 'eth0', 'up');
    await go('-n', namespace, 'link', 'set', 'dev', 'lo', 'up');
  }
}

export async function removeNetwork(plan: LocalPlan): Promise<void> {
  const { network } = plan;
  if (network === null) return;
  const present = namespacesOf(await ip(network.ipProgram, ['netns', 'list']));
  const ours = [...placesOf(plan).map(({ namespace }) => namespace), switchNamespaceOf(plan)];
  for (const namespace of ours) if (present.has(namespace)) await ip(network.ipProgram, ['netns', 'delete', namespace]);
  // A namespace takes its cables with it only when the last socket in it is gone; the end out here is not left to that.
  const link = harnessLinkOf(plan);
  if (aliasOf(link) === ownerMark(plan)) await removeLink(network.ipProgram, link);
}

async function removeLink(ipProgram: string, link: string): Promise<void> {
  try {
    await ip(ipProgram, ['link', 'delete', 'dev', link]);
  } catch (error) {
    // It went with its namespace between the look and the act.
    if (aliasOf(link) !== null) throw error;
  }
}

function namespacesOf(listing: string): ReadonlySet<string> {
  return new Set(listing.split('\n').map((line) => line.split(' ')[0] ?? ''));
}

/** Null: there is no such interface. */
function aliasOf(link: string): string | null {
  try {
    return readFileSync(`/sys/class/net/${link}/ifalias`, 'utf8').trim();
  } catch {
    return null;
  }
}

async function ip(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(program, args, { timeout: COMMAND_MS });
    return stdout.trim();
  } catch (error) {
    const told = (error as { readonly stderr?: string }).stderr?.trim();
    const detail = told === undefined || told === '' ? messageOf(error) : told;
    throw appError(/not permitted/i.test(detail) ? 'PGB-1105' : 'PGB-1999', `ip ${args.join(' ')}: ${detail}`, { cause: error });
  }
}
