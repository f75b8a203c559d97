import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createKeepAliveAgent, httpJson } from '../../../../shared/http/client.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener: RequestListener): Promise<{ readonly url: string; readonly server: Server; readonly sockets: Set<Socket> }> {
  const server = createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`, server, sockets };
}

describe('an answer', () => {
  it('comes with status and parsed body, and the request carried JSON and the token', async () => {
    const { url } = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () =>
        response
          .writeHead(409)
          .end(JSON.stringify({ method: request.method, auth: request.headers.authorization, body: JSON.parse(body) as unknown })),
      );
    });
    await expect(httpJson({ url, method: 'POST', body: { a: 1 }, token: 't', timeoutMs: 2_000 })).resolves.toEqual({
      kind: 'ok',
      status: 409,
      body: { method: 'POST', auth: 'Bearer t', body: { a: 1 } },
    });
  });

  it('without a body is null', async () => {
    const { url } = await serve((_, response) => response.writeHead(204).end());
    await expect(httpJson({ url, timeoutMs: 2_000 })).resolves.toEqual({ kind: 'ok', status: 204, body: null });
  });
});

describe('a failure is a value', () => {
  it.each([
    ['that is not JSON', '<html>', 'the answer (status 200) is not JSON'],
    ['that is too large', JSON.stringify('x'.repeat(2_000)), 'the answer is larger than 1000 bytes'],
  ])('for an answer %s', async (_, text, why) => {
    const { url } = await serve((_request, response) => response.end(text));
    await expect(httpJson({ url, timeoutMs: 2_000, responseBytesMax: 1_000 })).resolves.toEqual({ kind: 'failed', why });
  });

  it('for a refused connection and an impossible URL', async () => {
    const { server, url } = await serve(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    await expect(httpJson({ url, timeoutMs: 2_000 })).resolves.toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(httpJson({ url: 'nonsense', timeoutMs: 2_000 })).resolves.toMatchObject({ kind: 'failed', why: 'Invalid URL' });
  });

  it('for a peer that is silent, and for one that drips', async () => {
    const silent = await serve(() => undefined);
    const startedMs = monotonicMs();
    await expect(httpJson({ url: silent.url, timeoutMs: 50 })).resolves.toEqual({ kind: 'failed', why: 'no complete answer within 50 ms' });
    const drips: NodeJS.Timeout[] = [];
    const dripping = await serve((_, response) => void drips.push(setInterval(() => response.write(' '), 5)));
    await expect(httpJson({ url: dripping.url, timeoutMs: 50 })).resolves.toMatchObject({ kind: 'failed' });
    for (const drip of drips) clearInterval(drip);
    expect(monotonicMs() - startedMs).toBeLessThan(2_000);
  });

  it('for a peer that breaks off in the middle', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"half":');
      setImmediate(() => response.destroy());
    });
    await expect(httpJson({ url, timeoutMs: 2_000 })).resolves.toMatchObject({ kind: 'failed' });
  });

  it('for a caller that gives up', async () => {
    let arrived = false;
    const { url } = await serve(() => (arrived = true));
    const controller = new AbortController();
    const waiting = httpJson({ url, timeoutMs: 10_000, signal: controller.signal });
    while (!arrived) await turn();
    controller.abort();
    await expect(waiting).resolves.toEqual({ kind: 'failed', why: 'aborted' });
  });
});

describe('a kept connection', () => {
  it('is used again', async () => {
    const { sockets, url } = await serve((_, response) => response.end('{}'));
    const agent = createKeepAliveAgent();
    for (let round = 0; round < 5; round += 1)
      await expect(httpJson({ url, agent, timeoutMs: 2_000 })).resolves.toMatchObject({ kind: 'ok' });
    agent.destroy();
    expect(sockets.size).toBe(1);
  });

  it('that breaks under a GET is replaced once; a POST fails, because it may have been done', async () => {
    let served = 0;
    const { url } = await serve((request, response) => {
      served += 1;
      // Every second request meets a connection that closes under it.
      if (served % 2 === 0) request.socket.destroy();
      else response.end('{}');
    });
    const agent = createKeepAliveAgent();
    await expect(httpJson({ url, agent, timeoutMs: 2_000 })).resolves.toMatchObject({ kind: 'ok' });
    await expect(httpJson({ url, agent, timeoutMs: 2_000 })).resolves.toMatchObject({ kind: 'ok' });
    expect(served).toBe(3);
    await expect(httpJson({ url, agent, method: 'POST', body: {}, timeoutMs: 2_000 })).resolves.toMatchObject({ kind: 'failed' });
    expect(served).toBe(4);
    agent.destroy();
  });
});
