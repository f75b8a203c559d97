/** What operators ask of a running proxy: who is there, wait, go away; and that all of it ends by itself. */
import { describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../shared/config/proxy-config.ts';
import { startupPacket } from './raw-client.ts';
import { client, STARTUP, world } from './scenario.ts';
import type { World } from './world.ts';

const TOKEN = 'token-of-the-peers';

async function led(settings: Partial<ProxyConfig> = {}): ReturnType<typeof world> {
  const parts = await world({ peerToken: TOKEN, ...settings });
  parts.world.lead(parts.a, 1);
  await parts.world.until('the leader is known', ({ leader }) => leader !== null);
  return parts;
}

async function ask(w: World, path: string, body?: unknown, token = TOKEN): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${String(w.proxy.apiPort)}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function ready(w: World): Promise<number> {
  return (await fetch(`http://127.0.0.1:${String(w.proxy.apiPort)}/readiness`)).status;
}

describe('an operator', () => {
  it('sees who is there, and what they call themselves', async () => {
    const { world: w, a } = await led();
    await client(w.proxy.rwPort)
      .send(startupPacket({ user: 'änn', database: 'shop', application_name: 'till', options: '-c synchronous_commit=off' }))
      .untilMessage('Z');
    const { body } = await ask(w, '/sessions');
    expect(body).toMatchObject({
      total: 1,
      sessions: [
        { port: 'rw', user: 'änn', database: 'shop', application: 'till', state: 'attached', server: a.member, weakCommit: 'off' },
      ],
    });
  });

  it('needs the token, and a proxy that was given one', async () => {
    const { world: w } = await led();
    expect((await ask(w, '/pause', {}, 'another-token-altogether')).status).toBe(401);
    expect((await ask(w, '/sessions', undefined, 'another-token-altogether')).status).toBe(401);
    const { world: without } = await led({ peerToken: null });
    expect((await ask(without, '/drain', {})).body).toMatchObject({ code: 'PGB-1601' });
    expect((await without.status()).admission).toEqual({ kind: 'open' });
  });

  it.each([{ forMs: 0 }, { forMs: 1e9 }, { port: 'x' }, { forever: true }])('is told that %j is no pause', async (body) => {
    const { world: w } = await led();
    expect((await ask(w, '/pause', body)).body).toMatchObject({ code: 'PGB-1602' });
  });
});

describe('a pause', () => {
  it('holds new sessions of its port, leaves the others, and ends by itself', async () => {
    const { world: w } = await led();
    const before = client(w.proxy.rwPort).send(STARTUP);
    await before.untilMessage('Z');
    expect((await ask(w, '/pause', { port: 'rw', forMs: 600 })).status).toBe(200);
    const held = client(w.proxy.rwPort).send(STARTUP);
    await w.until('it is held', ({ counts }) => counts.held === 1);
    await client(w.proxy.roPort).send(STARTUP).untilMessage('Z');
    expect([before.ended, held.bytes.length, await ready(w)]).toEqual(['open', 0, 503]);
    await held.untilMessage('Z');
    expect([(await w.status()).admission, await ready(w)]).toEqual([{ kind: 'open' }, 200]);
  });

  it('ends at once when the operator says so', async () => {
    const { world: w } = await led();
    await ask(w, '/pause', { forMs: 600_000 });
    const held = client(w.proxy.rwPort).send(STARTUP);
    await w.until('it is held', ({ counts }) => counts.held === 1);
    await ask(w, '/resume', {});
    await held.untilMessage('Z');
  });
});

describe('a drain', () => {
  it('refuses new sessions, lets the others end, cuts what is left, and ends by itself', async () => {
    const { world: w } = await led();
    const [leaving, staying] = [client(w.proxy.rwPort).send(STARTUP), client(w.proxy.rwPort).send(STARTUP)];
    await leaving.untilMessage('Z');
    await staying.untilMessage('Z');
    expect((await ask(w, '/drain', { withinMs: 400, stayMs: 1_000 })).body).toMatchObject({ admission: { kind: 'draining' }, sessions: 2 });
    const late = client(w.proxy.rwPort).send(STARTUP);
    await late.untilEnd();
    expect([late.errorCode, await ready(w), staying.ended]).toEqual(['57P03', 503, 'open']);
    leaving.socket.end();
    await staying.untilEnd();
    expect(staying.errorCode).toBe('57P01');
    await w.until('it takes sessions again', ({ admission }) => admission.kind === 'open');
    await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
  });

  it('refuses those that are held', async () => {
    const { world: w } = await led();
    await ask(w, '/pause', { forMs: 600_000 });
    const held = client(w.proxy.rwPort).send(STARTUP);
    await w.until('it is held', ({ counts }) => counts.held === 1);
    await ask(w, '/drain', { withinMs: 60_000 });
    await held.untilEnd();
    expect(held.errorCode).toBe('57P03');
  });

  it('at the end of the process frees the ports, waits for the sessions and cuts them in time; no word changes that', async () => {
    const { world: w } = await led();
    const staying = client(w.proxy.rwPort).send(STARTUP);
    await staying.untilMessage('Z');
    const drained = w.proxy.drain(500, new AbortController().signal);
    const late = client(w.proxy.rwPort);
    await late.untilEnd();
    expect([late.ended, staying.ended, (await ask(w, '/resume', {})).status]).toEqual(['reset', 'open', 409]);
    await drained;
    expect(staying.errorCode).toBe('57P01');
    expect((await w.status()).counts.rwSessions).toBe(0);
  });

  it('at the end of the process is over as soon as the last session is, or somebody is in a hurry', async () => {
    const { world: w } = await led();
    const leaving = client(w.proxy.rwPort).send(STARTUP);
    await leaving.untilMessage('Z');
    const drained = w.proxy.drain(60_000, new AbortController().signal);
    leaving.close();
    await drained;
    const { world: other } = await led();
    await client(other.proxy.rwPort).send(STARTUP).untilMessage('Z');
    const hurry = new AbortController();
    const hurried = other.proxy.drain(60_000, hurry.signal);
    hurry.abort();
    await hurried;
  });
});
