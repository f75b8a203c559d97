/** A cancel request that comes while its session is on the way from one server to the next. */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Backend } from '../../../../proxy/login/backend-login.ts';
import { cancelKey, encodeCancelRequest } from '../../../../proxy/wire/backend-key.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { N2, name } from '../../../unit/proxy/core/fixture.ts';
import { until } from '../../../support/until.ts';
import { message } from '../raw-client.ts';
import type { ScriptedServer } from '../scripted-server.ts';
import { dialled, NOTHING, ride, SECRET, type Ride } from './ride.ts';

const KEY = cancelKey(77, SECRET);
const NEXT_KEY = cancelKey(99, Buffer.from([9, 9, 9, 9]));
const QUERY = message('Q', 'select pg_sleep(30)\0');

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

type Lent = Ride & {
  readonly old: Socket;
  /** A place at the next server. */
  readonly place: Socket;
};

/** Lent to the mover. */
async function lend(): Promise<Lent> {
  const made = await ride(cleanups);
  const place = await dialled(made.next);
  expect(await made.movable.park()).toBe('parked');
  const old = made.movable.lendServer();
  if (old === null) throw new Error('the server was not lent');
  cleanups.push(() => void old.destroy());
  return { ...made, old, place };
}

function land({ movable, next, place }: Lent): void {
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
    const lent = await lend();
    lent.client.send(QUERY);
    await ask(lent);
    await until('the statement is read', 5_000, () => Promise.resolve(lent.relay.hasKept));
    land(lent);
    await until('the statement and the request arrive', 5_000, () => Promise.resolve(lent.next.heard.length === 2));
    await until('whole', 5_000, () => Promise.resolve((lent.next.heard[1]?.length ?? 0) === 16));
    expect([lent.next.heard[0]?.equals(QUERY), lent.next.heard[1]?.equals(encodeCancelRequest(NEXT_KEY))]).toEqual([true, true]);
    expect(cancelsAt(lent.first)).toBe(0);
  });

  it('is forgotten when the client has sent nothing, so that its next statement lives', async () => {
    const lent = await lend();
    await ask(lent);
    land(lent);
    lent.client.send(QUERY);
    await until('the statement arrives', 5_000, () => Promise.resolve(lent.next.heard[0]?.equals(QUERY) === true));
    expect([lent.next.sockets.length, cancelsAt(lent.first)]).toEqual([1, 0]);
    // From here on it is a request like any other.
    await ask(lent);
    expect(cancelsAt(lent.next)).toBe(1);
  });

  it('goes to the server that gets the session back, when it was only asked about', async () => {
    const lent = await lend();
    lent.client.send(QUERY);
    await ask(lent);
    await until('the statement is read', 5_000, () => Promise.resolve(lent.relay.hasKept));
    lent.movable.giveBack(lent.old, NOTHING);
    await until('the request arrives', 5_000, () => Promise.resolve(cancelsAt(lent.first) === 1));
    expect(lent.first.heard[1]?.equals(encodeCancelRequest(KEY))).toBe(true);
  });
});
