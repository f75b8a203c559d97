/** TLS that ends at the proxy, with servers whose every word is scripted: what is encrypted is read, what was not is not taken for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../shared/config/proxy-config.ts';
import { until } from '../../support/until.ts';
import { message, request, type RawClient } from './raw-client.ts';
import { client, SSL_REQUEST, STARTUP, world } from './scenario.ts';
import { AUTH_OK, backendKey, READY, type ScriptedServer } from './scripted-server.ts';
import { writeCertificate } from '../../../chaos/cluster/certificate.ts';

let dir = '';
let settings: Partial<ProxyConfig>;
/** The TCP socket under a TLS socket. */
const under = new WeakMap<Socket, Socket>();

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgbaton-tls-'));
  settings = { tls: { kind: 'terminate', ...writeCertificate(dir, 'proxy') } };
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

function tcp(port: number): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  return socket;
}

/** Null: the handshake failed. */
function handshake(socket: Socket, alpn: readonly string[]): Promise<TLSSocket | null> {
  return new Promise((resolve) => {
    const secured = connectTls({ socket, rejectUnauthorized: false, ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }) });
    secured.once('secureConnect', () => resolve(secured));
    secured.on('error', () => resolve(null));
    secured.on('close', () => resolve(null));
  });
}

async function secured(port: number): Promise<RawClient> {
  const raw = tcp(port);
  const answer = await new Promise<Buffer>((resolve) => {
    raw.once('data', resolve);
    raw.write(SSL_REQUEST);
  });
  expect(answer.toString()).toBe('S');
  const socket = await handshake(raw, []);
  if (socket === null) throw new Error('no handshake');
  under.set(socket, raw);
  return client(socket);
}

async function attached(): Promise<{
  one: RawClient;
  server: ScriptedServer;
  lead: () => void;
  port: number;
  attachedCount: () => Promise<number>;
}> {
  const { world: w, a, b, serverA } = await world(settings);
  w.lead(a, 1);
  const one = (await secured(w.proxy.rwPort)).send(STARTUP);
  await one.untilMessage('Z');
  return {
    one,
    server: serverA,
    port: w.proxy.rwPort,
    lead: () => w.lead(b, 2),
    attachedCount: async () => (await w.status()).counts.rwSessions,
  };
}

describe('a client that asks for TLS', () => {
  it('speaks to the proxy within it, and the proxy to the server as with any other', async () => {
    const { one, server } = await attached();
    expect(server.heard[0]?.equals(STARTUP)).toBe(true);
    one.send(message('Q', 'select 1\0'));
    await until('the query arrives', 3_000, () => server.heard[0]?.includes('select 1') === true);
    server.sockets[0]?.write(Buffer.concat([message('C', 'SELECT 1\0'), READY]));
    await one.untilMessage('Z', 2);
  });

  it('is told 57P01 within TLS when its server is deposed', async () => {
    const { one, lead } = await attached();
    lead();
    await one.untilEnd();
    expect(one.errorCode).toBe('57P01');
    expect(one.ended).toBe('end');
  });

  it('is held within TLS, and told within TLS that there is nobody', async () => {
    const { world: w } = await world({ ...settings, holdMs: 200 });
    const one = (await secured(w.proxy.rwPort)).send(STARTUP);
    await one.untilEnd();
    expect(one.errorCode).toBe('57P03');
  });

  it.each([
    ['a startup packet', STARTUP],
    ['one byte', Buffer.from([0])],
  ])('and sends %s ahead in the clear is refused', async (_what, ahead) => {
    const { world: w, serverA, a } = await world(settings);
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(Buffer.concat([SSL_REQUEST, ahead]));
    await one.untilEnd();
    expect(one.errorCode).toBe('08P01');
    expect(serverA.sockets).toHaveLength(0);
  });

  it.each([
    ['again', SSL_REQUEST],
    ['for GSS', request(80_877_104)],
    ['for TLS within TLS', Buffer.from([0x16, 3, 1, 0, 5])],
  ])('and then %s is refused', async (_how, bytes) => {
    const { world: w } = await world(settings);
    const one = (await secured(w.proxy.rwPort)).send(bytes);
    await one.untilEnd();
    expect(one.errorCode).toBe('08P01');
  });

  it('and then speaks in the clear, or leaves, is gone', async () => {
    const { world: w } = await world(settings);
    for (const next of [
      (socket: Socket) => socket.write(STARTUP),
      (socket: Socket) => socket.resetAndDestroy(),
      (socket: Socket) => socket.end(),
    ]) {
      const one = client(w.proxy.rwPort).send(SSL_REQUEST);
      await one.until('TLS is offered', () => one.bytes.toString() === 'S');
      next(one.socket);
      await until('the connection is closed', 3_000, () => one.ended !== 'open' || one.socket.destroyed);
    }
    await until('nobody is left', 3_000, async () => (await w.status()).counts.rwSessions === 0);
  });

  it('may be in the middle of the handshake when the proxy stops', async () => {
    const { world: w } = await world(settings);
    const one = client(w.proxy.rwPort).send(SSL_REQUEST);
    await one.until('TLS is offered', () => one.bytes.toString() === 'S');
    await w.proxy.close();
    await one.untilEnd();
  });

  it('may cancel within it', async () => {
    const { port, server } = await attached();
    const cancel = request(80_877_102, Buffer.from([0, 0, 0, 7, 1, 2, 3, 4]));
    (await secured(port)).send(cancel);
    await until('the server is told', 3_000, () => server.heard.some((bytes) => bytes.equals(cancel)));
  });
});

describe('TLS from the first byte', () => {
  it('is for clients that say what they speak', async () => {
    const { world: w, a, serverA } = await world(settings);
    w.lead(a, 1);
    const socket = await handshake(tcp(w.proxy.rwPort), ['postgresql']);
    expect(socket?.alpnProtocol).toBe('postgresql');
    const one = client(socket!).send(STARTUP);
    await one.untilMessage('Z');
    expect(serverA.heard[0]?.equals(STARTUP)).toBe(true);
  });

  it('is refused to those that say nothing, and not begun with those that speak something else', async () => {
    const { world: w, a, serverA } = await world(settings);
    w.lead(a, 1);
    const silent = client((await handshake(tcp(w.proxy.rwPort), []))!).send(STARTUP);
    await silent.untilEnd();
    expect(silent.errorCode).toBe('08P01');
    expect(await handshake(tcp(w.proxy.rwPort), ['http/1.1'])).toBeNull();
    expect(serverA.sockets).toHaveLength(0);
  });
});

it('a client that asks for no TLS goes on in the clear', async () => {
  const { world: w, a } = await world(settings);
  w.lead(a, 1);
  await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
});

describe('a connection that breaks', () => {
  it('passes a reset of the server in the middle of a message on as a reset, and an end as an end', async () => {
    for (const [how, expected] of [
      ['reset', 'reset'],
      ['end', 'end'],
    ] as const) {
      const { one, server } = await attached();
      server.sockets[0]?.write(message('D', Buffer.alloc(50)).subarray(0, 20));
      await one.until('a part arrives', () => one.bytes.length > AUTH_OK.length + READY.length);
      if (how === 'reset') server.sockets[0]?.resetAndDestroy();
      else server.sockets[0]?.end();
      await one.untilEnd();
      expect(one.ended).toBe(expected);
    }
  });

  it('is a reset for the server when the client resets', async () => {
    const { one, server, attachedCount } = await attached();
    let broken = false;
    server.sockets[0]?.on('error', () => (broken = true));
    under.get(one.socket)?.resetAndDestroy();
    await until('the server sees it', 3_000, () => broken || server.sockets[0]?.destroyed === true);
    await until('the session is over', 3_000, async () => (await attachedCount()) === 0);
  });

  it('leaves the client that has said everything its answer', async () => {
    const { one, server } = await attached();
    one.socket.end(message('Q', 'select 1\0'));
    await until('the query and the end arrive', 3_000, () => server.sockets[0]?.readableEnded === true);
    expect(server.heard[0]?.includes('select 1')).toBe(true);
  });
});

it('makes the server wait while the client does not read', async () => {
  const { one, server } = await attached();
  const rows = Buffer.concat(Array.from({ length: 1_000 }, () => message('D', Buffer.alloc(1_000))));
  one.socket.pause();
  let sent = 0;
  await until('the server is stopped', 10_000, () => {
    const socket = server.sockets[0];
    if (socket === undefined) return false;
    if (socket.writableLength > 8_000_000) return true;
    socket.write(rows);
    sent += rows.length;
    return false;
  });
  let readBytes = 0;
  one.socket.removeAllListeners('data').on('data', (bytes: Buffer) => (readBytes += bytes.length));
  one.socket.resume();
  await one.until('everything arrives', () => readBytes >= sent, 10_000);
});

it('remembers which server gave a cancel key', async () => {
  const { world: w, a, serverA, serverB } = await world(settings);
  serverA.onFirst = (socket) => socket.write(Buffer.concat([AUTH_OK, backendKey(7, Buffer.from([1, 2, 3, 4])), READY]));
  w.lead(a, 1);
  const one = (await secured(w.proxy.rwPort)).send(STARTUP);
  await one.untilMessage('Z');
  client(w.proxy.rwPort).send(request(80_877_102, Buffer.from([0, 0, 0, 7, 1, 2, 3, 4])));
  await until('its server is told', 3_000, () => serverA.sockets.length === 2);
  expect(serverB.sockets).toHaveLength(0);
});
