/** What the scripted tests begin with: two servers, two agents, one proxy, and clients. Everything is closed behind each test. */
import type { Socket } from 'node:net';
import { afterEach } from 'vitest';
import type { ProxyConfig } from '../../../shared/config/proxy-config.ts';
import { RawClient, request, startupPacket } from './raw-client.ts';
import { ScriptedServer } from './scripted-server.ts';
import { FakeNode, World } from './world.ts';

export const STARTUP = startupPacket({ user: 'ann', database: 'x' });
export const SSL_REQUEST = request(80_877_103);

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function server(): Promise<ScriptedServer> {
  const one = await new ScriptedServer().listen();
  cleanups.push(() => one.close());
  return one;
}

/** Two nodes; nobody leads yet. */
export async function world(
  settings: Partial<ProxyConfig> = {},
): Promise<{ world: World; a: FakeNode; b: FakeNode; serverA: ScriptedServer; serverB: ScriptedServer }> {
  const [serverA, serverB] = [await server(), await server()];
  const [a, b] = [new FakeNode('n1', serverA.port), new FakeNode('n2', serverB.port)];
  b.answers.postgres = { kind: 'standby', streaming: true };
  const one = await World.start([a, b], settings);
  cleanups.push(() => one.close());
  return { world: one, a, b, serverA, serverB };
}

export function client(to: number | Socket): RawClient {
  const one = new RawClient(to);
  cleanups.push(() => one.close());
  return one;
}
