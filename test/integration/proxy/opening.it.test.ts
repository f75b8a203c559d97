/** The first bytes of a connection: encryption requests, TLS, nonsense and cancel requests, against scripted servers. */
import { describe, expect, it } from 'vitest';
import { message, request, startupPacket } from './raw-client.ts';
import { client, SSL_REQUEST, STARTUP, world } from './scenario.ts';
import { AUTH_OK, backendKey, fatal, READY } from './scripted-server.ts';

const GSS_REQUEST = request(80_877_104);
const KEY = Buffer.from([1, 2, 3, 4]);

describe('the first bytes', () => {
  it('may ask for GSS, then for TLS, then go on in the clear on the connection that was asked', async () => {
    const { world: w, a, serverA } = await world();
    serverA.onFirst = (socket) => {
      socket.write('N');
      socket.once('data', () => socket.write(Buffer.concat([AUTH_OK, READY])));
    };
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(GSS_REQUEST);
    await one.until('GSS is declined', () => one.bytes.toString() === 'N');
    one.send(SSL_REQUEST);
    await one.until('TLS is declined', () => one.bytes.toString() === 'NN');
    one.send(STARTUP);
    await one.until('the session is ready', () => one.bytes.subarray(2).equals(Buffer.concat([AUTH_OK, READY])));
    expect(serverA.sockets).toHaveLength(1);
    expect(serverA.heard[0]?.equals(Buffer.concat([SSL_REQUEST, STARTUP]))).toBe(true);
  });

  it('find a new server when the one that declined TLS is deposed before the startup packet', async () => {
    const { world: w, a, b, serverA } = await world();
    serverA.onFirst = (socket) => socket.write('N');
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(SSL_REQUEST);
    await one.until('TLS is declined', () => one.bytes.toString() === 'N');
    w.lead(b, 2);
    await w.until('epoch 2 is known', ({ leader }) => leader?.epoch === '2');
    one.send(STARTUP);
    await one.until('the session is ready', () => one.bytes.subarray(1).equals(Buffer.concat([AUTH_OK, READY])));
  });

  it('are opaque once TLS runs: nothing is parsed, and a cut breaks off', async () => {
    const { world: w, a, b, serverA } = await world();
    serverA.onFirst = (socket) => {
      socket.write('S');
      socket.on('data', (chunk) => socket.write(chunk));
    };
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(SSL_REQUEST);
    await one.until('TLS is accepted', () => one.bytes.toString() === 'S');
    one.send(Buffer.from([0x16, 3, 1, 0xff, 0xff]));
    await one.until('it is echoed', () => one.bytes.length === 6);
    w.lead(b, 2);
    await one.untilEnd();
    expect([one.ended, one.bytes.length]).toEqual(['reset', 6]);
  });

  it('are passed through untouched when they are TLS from the start', async () => {
    const { world: w, a, serverA } = await world();
    serverA.onFirst = (socket, bytes) => socket.write(bytes);
    const hello = Buffer.from([0x16, 3, 1, 0, 2, 9, 9]);
    const one = client(w.proxy.rwPort).send(hello);
    await w.until('it is held like any other', ({ counts }) => counts.held === 1);
    w.lead(a, 1);
    await one.until('it is echoed', () => one.bytes.equals(hello));
  });

  it('that speak TLS wait while the agent says that its server lets nobody in', async () => {
    const { world: w, a, serverA } = await world();
    a.answers.postgres = { kind: 'starting' };
    w.lead(a, 1);
    await w.until('the agent was asked', ({ nodes }) => nodes.some(({ postgres }) => postgres === 'starting'));
    serverA.onFirst = (socket) => socket.write('S');
    const one = client(w.proxy.rwPort).send(SSL_REQUEST);
    await w.until('the client is held', ({ counts }) => counts.held === 1);
    expect(serverA.sockets).toHaveLength(0);
    a.answers.postgres = { kind: 'primary', open: true };
    await one.until('TLS is accepted', () => one.bytes.toString() === 'S');
  });

  it('with more bytes behind an encryption request are refused', async () => {
    const { world: w, a } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(Buffer.concat([SSL_REQUEST, STARTUP]));
    const other = client(w.proxy.rwPort).send(Buffer.concat([GSS_REQUEST, STARTUP]));
    await one.untilEnd();
    await other.untilEnd();
    expect([one.errorCode, other.errorCode]).toEqual(['08P01', '08P01']);
  });

  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '08P01'],
    ['protocol 2', request(0x0002_0000), '0A000'],
    ['an endless packet', Buffer.from([0, 1, 0, 0]), '08P01'],
  ] as const)('that are %s are refused without a server', async (_what, bytes, code) => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(bytes);
    await one.untilEnd();
    expect([one.errorCode, serverA.sockets.length]).toEqual([code, 0]);
  });

  it('that never come leave no trace', async () => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const probe = client(w.proxy.rwPort);
    probe.socket.end();
    await probe.untilEnd();
    expect([probe.bytes.length, serverA.sockets.length]).toEqual([0, 0]);
  });
});

describe('a version that the server does not know', () => {
  const NEGOTIATION = message('v', Buffer.concat([Buffer.from([0, 3, 0, 0, 0, 0, 0, 1]), Buffer.from('_pq_.test\0')]));
  const GREASED = startupPacket({ user: 'ann', '_pq_.test': '1' }, 0x0003_270f);

  it('is asked for as it was, and the answer is passed on', async () => {
    const { world: w, a, serverA } = await world();
    serverA.onFirst = (socket) => {
      socket.write(NEGOTIATION.subarray(0, 7));
      setTimeout(() => socket.write(Buffer.concat([NEGOTIATION.subarray(7), AUTH_OK, READY])), 30);
    };
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(GREASED);
    await one.untilMessage('Z');
    expect(one.messages.map(({ type }) => type)).toEqual(['v', 'R', 'Z']);
    expect(serverA.heard[0]?.equals(GREASED)).toBe(true);
  });

  it('does not hide that the server starts up: the client is kept, and tried again', async () => {
    const { world: w, a, serverA } = await world();
    let refusals = 3;
    serverA.onFirst = (socket) => {
      refusals -= 1;
      if (refusals < 0) socket.write(Buffer.concat([NEGOTIATION, AUTH_OK, READY]));
      else socket.end(Buffer.concat([NEGOTIATION, fatal('57P03', 'the database system is starting up')]));
    };
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(GREASED);
    await one.untilMessage('Z');
    expect(one.messages.map(({ type }) => type)).toEqual(['v', 'R', 'Z']);
    expect(serverA.sockets).toHaveLength(4);
  });
});

describe('a second startup packet', () => {
  it('is bytes like any other: the server sees it, and nobody is routed by it', async () => {
    const { world: w, a, serverA, serverB } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    one.send(startupPacket({ user: 'eve', options: '-c pgbaton.after=nonsense' }));
    await one.until('the server has it', () => (serverA.heard[0]?.length ?? 0) > STARTUP.length);
    expect(serverA.heard[0]?.subarray(STARTUP.length).equals(startupPacket({ user: 'eve', options: '-c pgbaton.after=nonsense' }))).toBe(
      true,
    );
    expect([one.ended, serverB.sockets.length]).toEqual(['open', 0]);
  });
});

describe('strangers', () => {
  it('with bytes of any kind leave the proxy as it was', async () => {
    const { world: w, a } = await world({ holdMs: 200 });
    w.lead(a, 1);
    await w.until('the leader is known', ({ leader }) => leader !== null);
    const starts = [
      SSL_REQUEST,
      GSS_REQUEST,
      STARTUP,
      Buffer.concat([STARTUP, STARTUP]),
      request(80_877_102, Buffer.alloc(8)),
      Buffer.from([0x16]),
    ];
    const strangers = Array.from({ length: 200 }, (_, index) => {
      const noise = Buffer.from(Array.from({ length: index * 7 }, (__, at) => (at * 31 + index * 17) % 256));
      const one = client(index % 2 === 0 ? w.proxy.rwPort : w.proxy.roPort);
      one.send(Buffer.concat([starts[index % (starts.length + 1)] ?? Buffer.alloc(0), noise]));
      return one;
    });
    await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
    for (const one of strangers) one.socket.resetAndDestroy();
    await w.until('nobody is left', ({ counts }) => counts.held === 0 && counts.rwSessions <= 1 && counts.roSessions === 0);
  });
});

describe('a cancel request', () => {
  const cancel = (pid: number, secret: Buffer): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(pid);
    return request(80_877_102, Buffer.concat([head, secret]));
  };

  it.each([KEY, Buffer.alloc(256, 5)])('goes to the server that issued its key, and to no other', async (secret) => {
    const { world: w, a, serverA, serverB } = await world();
    serverA.onFirst = (socket) => socket.write(Buffer.concat([AUTH_OK, backendKey(77, secret), READY]));
    w.lead(a, 1);
    await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
    serverA.onFirst = (socket) => void socket.end();
    const asking = client(w.proxy.rwPort).send(cancel(77, secret));
    await asking.untilEnd();
    expect(asking.bytes).toHaveLength(0);
    expect(serverA.heard[1]?.equals(cancel(77, secret))).toBe(true);
    expect(serverB.sockets).toHaveLength(0);
  });

  it('with an unknown key goes to every server', async () => {
    const { world: w, a, serverA, serverB } = await world();
    for (const one of [serverA, serverB]) one.onFirst = (socket) => void socket.end();
    w.lead(a, 1);
    await w.until('both servers are known', ({ nodes }) => nodes.length === 2);
    await client(w.proxy.roPort).send(cancel(78, KEY)).untilEnd();
    expect([serverA.heard[0], serverB.heard[0]].map((heard) => heard?.equals(cancel(78, KEY)))).toEqual([true, true]);
  });

  it('is carried even when its sender hangs up at once', async () => {
    const { world: w, a, serverA } = await world();
    serverA.onFirst = (socket) => void socket.end();
    w.lead(a, 1);
    await w.until('the leader is known', ({ leader }) => leader !== null);
    const hasty = client(w.proxy.rwPort);
    hasty.socket.end(cancel(79, KEY));
    await hasty.until('it arrives', () => serverA.heard.some((heard) => heard.equals(cancel(79, KEY))));
  });
});
