import { createServer, connect, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { converse, type ConversationOptions } from '../../../../proxy/move/conversation.ts';
import { frame } from '../../../../proxy/move/frames.ts';
import { until } from '../../../support/until.ts';

const READY = frame(0x5a, 'I');
const ROW = frame(0x44, '\0\0');
const REQUEST = Buffer.from('ask');

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A paused connection to a server that does this with what it hears. */
async function pair(onHeard: (socket: Socket) => void): Promise<Socket> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', () => onHeard(socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const socket = connect({ host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.pause();
  return socket;
}

const listeners = (socket: Socket): number => ['data', 'end', 'close', 'error'].reduce((sum, name) => sum + socket.listenerCount(name), 0);

function options(changes: Partial<ConversationOptions> = {}): ConversationOptions {
  return { readyCount: 1, budgetMs: 5_000, signal: new AbortController().signal, maxBytes: 1_000, ...changes };
}

describe('converse', () => {
  it('collects the answer up to its last ReadyForQuery, puts the rest back, and leaves the socket paused and without listeners', async () => {
    const socket = await pair((server) => server.write(Buffer.concat([ROW, READY, ROW, READY, ROW])));
    const before = listeners(socket);
    expect(await converse(socket, REQUEST, options({ readyCount: 2 }))).toEqual({
      kind: 'answered',
      bytes: Buffer.concat([ROW, READY, ROW, READY]),
    });
    expect(socket.isPaused()).toBe(true);
    expect(listeners(socket)).toBe(before);
    expect(socket.read()).toEqual(ROW);
  });

  it('says so when the server does not answer in time', async () => {
    const socket = await pair((server) => server.write(ROW));
    const before = listeners(socket);
    expect(await converse(socket, REQUEST, options({ budgetMs: 50 }))).toEqual({
      kind: 'failed',
      why: 'the server did not answer within 50 ms',
    });
    expect(socket.isPaused()).toBe(true);
    expect(listeners(socket)).toBe(before);
  });

  it('says so when it is given up, before and while it waits', async () => {
    const socket = await pair(() => undefined);
    const before = listeners(socket);
    const controller = new AbortController();
    const waiting = converse(socket, REQUEST, options({ signal: controller.signal }));
    controller.abort();
    expect(await waiting).toEqual({ kind: 'failed', why: 'it was given up' });
    expect(await converse(socket, REQUEST, options({ signal: controller.signal }))).toEqual({ kind: 'failed', why: 'it was given up' });
    expect(listeners(socket)).toBe(before);
  });

  it('says so when no time is left', async () => {
    const socket = await pair(() => undefined);
    expect(await converse(socket, REQUEST, options({ budgetMs: 0 }))).toMatchObject({ kind: 'failed' });
    expect(socket.bytesWritten).toBe(0);
  });

  it.each([
    ['ends', (server: Socket) => server.end(ROW)],
    ['breaks', (server: Socket) => server.resetAndDestroy()],
  ])('says so when the connection %s, and again when asked of the dead socket', async (_how, act) => {
    const socket = await pair(act);
    const before = listeners(socket);
    expect(await converse(socket, REQUEST, options())).toMatchObject({ kind: 'failed' });
    expect(listeners(socket)).toBeLessThanOrEqual(before);
    socket.resume();
    await until('the socket is closed', 5_000, () => socket.destroyed);
    expect(await converse(socket, REQUEST, options())).toEqual({ kind: 'failed', why: 'the server has closed the connection' });
  });

  it('keeps no more than it may', async () => {
    const socket = await pair((server) => server.write(Buffer.concat(Array.from({ length: 300 }, () => ROW))));
    expect(await converse(socket, REQUEST, options())).toEqual({ kind: 'failed', why: 'the server answered with more than 1000 bytes' });
    expect(socket.isPaused()).toBe(true);
  });
});
