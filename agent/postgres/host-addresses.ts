/**
 * The addresses behind the host that a standby follows. They go into the conninfo, because a WAL receiver that asks for a name itself cannot be
 * interrupted while it waits: when the name server went away together with the leader (a container's name ends with the container), the receiver
 * hangs for the resolver's five seconds and more, and neither the cut nor the promotion can go on before it has ended.
 */
import { isIP } from 'node:net';
import { withDeadline } from '../../shared/runtime/deadline.ts';
import { addressesOfHost } from '../../shared/runtime/host-lookup.ts';

/** As many as a name with both families and a spare has. */
const ADDRESSES_MAX = 4;

/** Empty: the name has none, nobody has answered in time, or the caller gave up. An address is its own only address. */
export async function addressesOf(host: string, deadlineMs: number, signal: AbortSignal): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  if (host.startsWith('/')) return [];
  const asked = await withDeadline(async () => ask(host), deadlineMs, signal);
  return asked.kind === 'done' ? asked.value : [];
}

/** Is the standby, attached by `known`, on the wrong road? While it streams, one address of several that is still right is enough. */
export function haveMoved(known: readonly string[], found: readonly string[], streaming: boolean): boolean {
  if (found.length === 0) return false;
  if (streaming && known.length > 0) return !found.some((address) => known.includes(address));
  return known.length !== found.length || found.some((address) => !known.includes(address));
}

async function ask(host: string): Promise<readonly string[]> {
  try {
    const found = await addressesOfHost(host);
    return [...new Set(found.map(({ address }) => address))].slice(0, ADDRESSES_MAX);
  } catch {
    // No such name now. What was known before still stands, and without any the server asks for itself.
    return [];
  }
}
