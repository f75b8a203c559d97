/** A cancel request that comes while its session is on the way from one server to the next. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Cancels } from '../../../../proxy/cancel.ts';
import type { Backend } from '../../../../proxy/login/backend-login.ts';
import { Movable } from '../../../../proxy/move/movable.ts';
import { Passenger } from '../../../../proxy/move/passenger.ts';
import { PASS, Relay } from '../../../../proxy/relay.ts';
import type { Router } from '../../../../proxy/router.ts';
import { BACKEND_KEY_TYPE, cancelKey, encodeCancelRequest } from '../../../../proxy/wire/backend-key.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { N2, name } from '../../../unit/proxy/core/fixture.ts';
import { until } from '../../../support/until.ts';
import { message, RawClient, startupPacket } from '../raw-client.ts';
import { AUTH_OK, backendKey, READY, ScriptedServer } from '../scripted-server.ts';

const SECRET = Buffer.from([1, 2, 3, 4]);
const KEY = cancelKey(77, SECRET);
const NEXT_KEY = cancelKey(99, Buffer.from([9, 9, 9, 9]));
const QUERY = message('Q', 'select pg_sleep(30)\0');
const STARTUP = startupPacket({ user: 'ann' });
const NOTHING = Buffer.alloc(0);

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function server(): Promise<ScriptedServer> {
  const one = await new ScriptedServer().listen();
  one.onFirst = () => undefined;
  cleanups.push(() => one.close());
  return one;
}

async function dialled({ port }: ScriptedServer): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

type Ride = {
  readonly movable: Movable;
  readonly relay: Relay;
  readonly cancels: Cancels;
  readonly client: RawClient;
  readonly first: ScriptedServer;
  readonly next: ScriptedServer;
  /** A place at the next server. */
  readonly place: Socket;
};

/** A session at `first`, at rest and lent to the mover. */
async function lent(): Promise<Ride & { readonly old: Socket }> {
  const [first, next] = [await server(), await server()];
  const cancels = new Cancels({ ask: () => Promise.resolve(), close: () => undefined }, 'off');
  cleanups.push(() => cancels.close());
  const accepted = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => accepted.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => void accepted.close());
  const arrives = new Promise<Socket>((resolve) => accepted.once('connection', resolve));
  const client = new RawClient((accepted.address() as AddressInfo).port);
  cleanups.push(() => client.close());
  const passenger = new Passenger(STARTUP, [['user', 'ann']]);
  const address = { host: '127.0.0.1', port: first.port };
  const relay = new Relay({
    client: await arrives,
    server: await dialled(first),
    flow: passenger.flow,
    onLogin: passenger.onClient,
    onWatched: (type, body) => {
      if (type === BACKEND_KEY_TYPE) movable.onBackendKey(body, address);
      return PASS;
    },
    onClosed: () => movable.close(),
  });
  const session = { port: 'rw', attached: true, movable: null, depose: () => undefined } as const;
  // All that the landing asks of it.
  const router = { bind: () => true, unbind: () => undefined, countMoved: () => undefined } as unknown as Router;
  const movable = new Movable({ session, passenger, relay, router, cancels });
  relay.start(Buffer.concat([AUTH_OK, backendKey(77, SECRET), READY]), NOTHING);
  await client.untilMessage('Z');
  const place = await dialled(next);
  expect(await movable.park()).toBe('parked');
  const old = movable.lendServer();
  if (old === null) throw new Error('the server was not lent');
  cleanups.push(() => void old.destroy());
  return { movable, relay, cancels, client, first, next, place, old };
}

function land({ movable, next, place }: Ride): void {
  const bond = { kind: 'leader', epoch: epoch(2n), member: N2 } as const;
  const target = { name: name('n2'), host: '127.0.0.1', port: next.port, agentUrl: 'http://127.0.0.1:1', bond };
  const backend: Backend = { socket: place, parameters: new Map(), key: NEXT_KEY, negotiatedMinor: null };
  expect(movable.settle(target, backend, NOTHING)).toBe(true);
}

async function ask({ cancels }: Ride): Promise<void> {
  await cancels.forward(KEY, encodeCancelRequest(KEY), []);
}

function cancelsAt(one: ScriptedServer): number {
  return one.heard.filter((heard) => heard.length >= 8 && heard.readUInt32BE(4) === 80_877_102).length;
}

describe('a cancel request for a parked session', () => {
  it('goes to the next server, behind the statement that the client has sent meanwhile', async () => {
    const ride = await lent();
    ride.client.send(QUERY);
    await ask(ride);
    await until('the statement is read', 5_000, () => Promise.resolve(ride.relay.hasKept));
    land(ride);
    await until('the statement and the request arrive', 5_000, () => Promise.resolve(ride.next.heard.length === 2));
    await until('whole', 5_000, () => Promise.resolve((ride.next.heard[1]?.length ?? 0) === 16));
    expect([ride.next.heard[0]?.equals(QUERY), ride.next.heard[1]?.equals(encodeCancelRequest(NEXT_KEY))]).toEqual([true, true]);
    expect(cancelsAt(ride.first)).toBe(0);
  });

  it('is forgotten when the client has sent nothing, so that its next statement lives', async () => {
    const ride = await lent();
    await ask(ride);
    land(ride);
    ride.client.send(QUERY);
    await until('the statement arrives', 5_000, () => Promise.resolve(ride.next.heard[0]?.equals(QUERY) === true));
    expect([ride.next.sockets.length, cancelsAt(ride.first)]).toEqual([1, 0]);
    // From here on it is a request like any other.
    await ask(ride);
    expect(cancelsAt(ride.next)).toBe(1);
  });

  it('goes to the server that gets the session back, when it was only asked about', async () => {
    const ride = await lent();
    ride.client.send(QUERY);
    await ask(ride);
    await until('the statement is read', 5_000, () => Promise.resolve(ride.relay.hasKept));
    ride.movable.giveBack(ride.old, NOTHING);
    await until('the request arrives', 5_000, () => Promise.resolve(cancelsAt(ride.first) === 1));
    expect(ride.first.heard[1]?.equals(encodeCancelRequest(KEY))).toBe(true);
  });
});
