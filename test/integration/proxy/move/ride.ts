/** A session of the proxy between a client and a server whose every word the test decides, for what the mover does to it. */
import { FROM_SERVER } from '../../../../proxy/core/message-types.ts';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'vitest';
import { Cancels } from '../../../../proxy/cancel.ts';
import { Movable } from '../../../../proxy/move/movable.ts';
import { Passenger } from '../../../../proxy/move/passenger.ts';
import { PASS, Relay } from '../../../../proxy/relay.ts';
import type { Router } from '../../../../proxy/router.ts';
import { DEPOSED, encodeFatal } from '../../../../proxy/wire/error-response.ts';
import { RawClient, startupPacket } from '../raw-client.ts';
import { AUTH_OK, backendKey, READY, ScriptedServer } from '../scripted-server.ts';

const STARTUP = startupPacket({ user: 'ann' });
export const SECRET = Buffer.from([1, 2, 3, 4]);
export const NOTHING = Buffer.alloc(0);

export type Ride = {
  readonly movable: Movable;
  readonly relay: Relay;
  readonly cancels: Cancels;
  readonly client: RawClient;
  readonly first: ScriptedServer;
  readonly next: ScriptedServer;
  /** Why the session was deposed, each time. */
  readonly deposed: readonly string[];
};

type Cleanups = (() => Promise<unknown> | void)[];

/** A session at `first`, at rest. The servers say nothing by themselves. */
export async function ride(cleanups: Cleanups): Promise<Ride> {
  const [first, next] = [await silentServer(cleanups), await silentServer(cleanups)];
  const cancels = new Cancels({ ask: () => Promise.resolve(), close: () => undefined }, 'off');
  cleanups.push(() => cancels.close());
  const accepted = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => accepted.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => void accepted.close());
  const arrives = new Promise<Socket>((resolve) => accepted.once('connection', resolve));
  const client = new RawClient((accepted.address() as AddressInfo).port);
  cleanups.push(() => client.close());
  const inner = await arrives;
  // As the listener of the proxy does it.
  inner.on('error', () => undefined);
  const passenger = new Passenger(STARTUP, [['user', 'ann']]);
  const address = { host: '127.0.0.1', port: first.port };
  const relay = new Relay({
    client: inner,
    server: await dialled(first),
    flow: passenger.flow,
    onLogin: passenger.onClient,
    onWatched: (type, body) => {
      if (type === FROM_SERVER.backendKey) movable.onBackendKey(body, address);
      passenger.onServer(type, body);
      return PASS;
    },
    onClosed: () => movable.close(),
  });
  const deposed: string[] = [];
  const depose = (why: string): void => {
    deposed.push(why);
    relay.cut(encodeFatal(DEPOSED));
  };
  const session = { port: 'rw', attached: true, movable: null, depose } as const;
  // All that a session asks of it.
  const router = { bind: () => true, unbind: () => undefined, countMoved: () => undefined } as unknown as Router;
  const movable = new Movable({ session, passenger, relay, router, cancels });
  relay.start(Buffer.concat([AUTH_OK, backendKey(77, SECRET), READY]), NOTHING);
  await client.untilMessage('Z');
  expect(relay.isAtRest).toBe(true);
  return { movable, relay, cancels, client, first, next, deposed };
}

export async function dialled({ port }: ScriptedServer): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function silentServer(cleanups: Cleanups): Promise<ScriptedServer> {
  const one = await new ScriptedServer().listen();
  one.onFirst = () => undefined;
  cleanups.push(() => one.close());
  return one;
}
