/**
 * Free loopback ports for servers that are started a moment later, by another process perhaps.
 *
 * Never from the range the kernel takes the local ends of outgoing connections from (Linux: 32768 to 60999,
 * net.ipv4.ip_local_port_range; RFC 6335 §6 begins it at 49152): such a port is free when it is asked for, and some connection has it when the
 * server comes to listen. Ports are handed out in order from a place that depends on the process, because test files run beside one another.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const COUNT = 12_000;
const STRIDE = 97;

let next = (process.pid * STRIDE) % COUNT;

export async function freePort(): Promise<number> {
  for (let tried = 0; tried < COUNT; tried += 1) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${String(FIRST)} to ${String(FIRST + COUNT - 1)}`);
}

/** The first of so many in a row. */
export async function freePorts(count: number): Promise<number> {
  let first = await freePort();
  for (let last = first; last < first + count - 1;) {
    const port = await freePort();
    if (port !== last + 1) first = port;
    last = port;
  }
  return first;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
