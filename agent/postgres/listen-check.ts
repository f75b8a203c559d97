/**
 * Is the port of this node's server free? Asked before every start: PostgreSQL itself ends with a message in its own log, or, worse, starts
 * without the address that others are told to reach. It listens for a moment and lets go again; it must never ask a name service.
 */
import { once } from 'node:events';
import { createServer, isIP } from 'node:net';
import { systemErrorCode } from '../../shared/errors.ts';

const WELL_KNOWN: Readonly<Record<string, readonly string[]>> = { localhost: ['127.0.0.1', '::1'], '*': ['0.0.0.0', '::'] };

/** The first address that somebody else listens on; null when PostgreSQL can have them all, as far as can be told. */
export async function busyAddress(listenAddresses: string, port: number): Promise<string | null> {
  const addresses = listenAddresses
    .split(',')
    .map((address) => address.trim())
    .flatMap((address) => WELL_KNOWN[address] ?? (isIP(address) === 0 ? [] : [address]));
  for (const address of addresses) {
    if (await isBusy(address, port)) return isIP(address) === 6 ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
  }
  return null;
}

async function isBusy(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true, ipv6Only: isIP(host) === 6 });
    await once(server, 'listening');
    await once(server.close(), 'close');
    return false;
  } catch (error) {
    // Anything else (no such address here, no IPv6, a port below 1024) PostgreSQL judges by its own lights.
    return systemErrorCode(error) === 'EADDRINUSE';
  }
}
