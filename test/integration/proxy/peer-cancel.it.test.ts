/** Cancel requests that arrive at another proxy than the one that has the session. */
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Cancels } from '../../../proxy/cancel.ts';
import { startProxy, type RunningProxy } from '../../../proxy/main.ts';
import { addCancelRoute } from '../../../proxy/peer-cancel.ts';
import { encodeProxy } from '../../../shared/dcs/records.ts';
import { cancelKey, encodeCancelRequest } from '../../../proxy/wire/backend-key.ts';
import { keysOf } from '../../../shared/dcs/keys.ts';
import { createHttpServer } from '../../../shared/http/server.ts';
import { createLogger } from '../../../shared/logging/logger.ts';
import { until } from '../../support/until.ts';
import { client, STARTUP, world } from './scenario.ts';
import { AUTH_OK, backendKey, READY, type ScriptedServer } from './scripted-server.ts';
import { proxyConfig, type World } from './world.ts';

const TOKEN = 'token-of-the-peers';
const SECRET = Buffer.from([1, 2, 3, 4]);
const KEY = cancelKey(77, SECRET);
/** What the session is called at the server it was moved to. */
const MOVED = cancelKey(99, Buffer.from([9, 9, 9, 9]));
const NOBODY = { ask: () => Promise.resolve(), close: () => undefined };

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function led(peerToken: string | null = TOKEN): ReturnType<typeof world> {
  const parts = await world({ peerToken });
  for (const one of [parts.serverA, parts.serverB]) one.onFirst = (socket) => void socket.end();
  parts.world.lead(parts.a, 1);
  await parts.world.until('everybody is known', ({ leader, nodes }) => leader !== null && nodes.length === 2);
  return parts;
}

function list(w: World, id: string, port: number): void {
  const value = encodeProxy({ id, rwPort: 1, roPort: 2, url: `http://127.0.0.1:${String(port)}` });
  w.store.put({ key: keysOf('test').proxy(id), value });
}

async function second(w: World): Promise<RunningProxy> {
  const proxy = await startProxy(proxyConfig({ id: 'p2', peerToken: TOKEN }), w.dcs, createLogger({ level: 'silent', name: 'proxy' }));
  cleanups.push(() => proxy.close());
  await until('it is listed', 5_000, () => Promise.resolve(w.store.peek(keysOf('test').proxy('p2')) !== null));
  await until('it knows the servers', 5_000, async () => {
    const response = await fetch(`http://127.0.0.1:${String(proxy.apiPort)}/status`);
    return ((await response.json()) as { readonly nodes: readonly unknown[] }).nodes.length === 2;
  });
  return proxy;
}

/** Listed as a proxy, and answers what it is told to. */
async function listener(w: World, id: string): Promise<{ readonly heard: { readonly token: string; readonly body: string }[] }> {
  const heard: { readonly token: string; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push({ token: request.headers.authorization ?? '', body });
      response.end('{"heeded":false}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  list(w, id, typeof address === 'object' && address !== null ? address.port : 0);
  return { heard };
}

async function post(port: number, body: unknown, token = TOKEN): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${String(port)}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

function heardAs(server: ScriptedServer, key: string): number {
  return server.heard.filter((heard) => heard.equals(encodeCancelRequest(key))).length;
}

describe('a cancel request with a key that nobody here knows', () => {
  it('is heeded by the proxy that has moved the session, with the key that its server knows', async () => {
    const { world: w, serverA, serverB } = await led();
    const cancels = new Cancels(NOBODY, 'off');
    cleanups.push(() => cancels.close());
    cancels.remember(KEY, { kind: 'server', address: { host: '127.0.0.1', port: serverB.port }, key: MOVED });
    const other = createHttpServer({ host: '127.0.0.1', port: 0 });
    addCancelRoute(other.app, TOKEN, cancels);
    cleanups.push(() => other.close());
    list(w, 'p2', (await other.listen()).port);
    await client(w.proxy.rwPort).send(encodeCancelRequest(KEY)).untilEnd();
    expect([heardAs(serverB, MOVED), heardAs(serverA, KEY), heardAs(serverB, KEY), heardAs(serverA, MOVED)]).toEqual([1, 1, 1, 0]);
  });

  it('is sent on by the first proxy only, with the token, and reaches a server once', async () => {
    const { world: w, serverA } = await led();
    const { heard } = await listener(w, 'p3');
    const { rwPort } = await second(w);
    serverA.onFirst = (socket) => socket.write(Buffer.concat([AUTH_OK, backendKey(77, SECRET), READY]));
    await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
    serverA.onFirst = (socket) => void socket.end();
    await client(rwPort).send(encodeCancelRequest(KEY)).untilEnd();
    expect(heard).toEqual([{ token: `Bearer ${TOKEN}`, body: JSON.stringify({ key: KEY }) }]);
    expect(heardAs(serverA, KEY)).toBe(1);
  });

  it('goes to the servers alone when the proxy has no token', async () => {
    const { world: w, serverA } = await led(null);
    const { heard } = await listener(w, 'p3');
    await client(w.proxy.rwPort).send(encodeCancelRequest(KEY)).untilEnd();
    expect([heard.length, heardAs(serverA, KEY)]).toEqual([0, 1]);
    expect((await post(w.proxy.apiPort, { key: KEY })).status).toBe(404);
  });

  it('does not wait long for a proxy that has gone silent', async () => {
    const { world: w, serverA } = await led();
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const address = silent.address();
    list(w, 'p2', typeof address === 'object' && address !== null ? address.port : 0);
    await client(w.proxy.rwPort).send(encodeCancelRequest(KEY)).untilEnd();
    expect(heardAs(serverA, KEY)).toBe(1);
  });
});

describe('the question of another proxy', () => {
  it('needs the token, and is refused without its key being said again', async () => {
    const { world: w, serverA } = await led();
    expect((await post(w.proxy.apiPort, { key: KEY }, 'another-token-altogether')).status).toBe(401);
    for (const body of [{}, { key: `${KEY}00112233zz` }, { key: KEY, more: 1 }]) {
      const answer = await post(w.proxy.apiPort, body);
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain(KEY);
    }
    expect(serverA.sockets).toHaveLength(0);
  });

  it('about an unknown key goes nowhere', async () => {
    const { world: w, serverA, serverB } = await led();
    const { heard } = await listener(w, 'p3');
    expect(await post(w.proxy.apiPort, { key: KEY })).toEqual({ status: 200, text: '{"heeded":false}' });
    expect([heard.length, serverA.sockets.length, serverB.sockets.length]).toEqual([0, 0, 0]);
  });

  it('is passed to whoever brings a session to its next server', async () => {
    let asked = 0;
    const cancels = new Cancels(NOBODY, 'off');
    cleanups.push(() => cancels.close());
    const forget = cancels.remember(KEY, { kind: 'between', onCancel: () => (asked += 1) });
    expect([await cancels.heedFromOther(KEY), asked]).toEqual([true, 1]);
    forget();
    expect([await cancels.heedFromOther(KEY), asked]).toEqual([false, 1]);
  });
});
