/** The probe of a suspect endpoint: only what is worth a new connection counts as healthy, and no answer is waited for beyond the limit. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { isHealthy } from '../../../../shared/dcs/etcd-health.ts';

const LIMIT_MS = 2_000;
const never = new AbortController().signal;
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => once(server.close(), 'close')));
});

async function listening(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

const answering = (status: number): Promise<string> =>
  listening(createHttpServer((request, response) => response.writeHead(request.url === '/health' ? status : 404).end('{}')));

describe('the health probe', () => {
  it('takes 200 for healthy, and 503 (no quorum) not', async () => {
    expect(await isHealthy(await answering(200), undefined, LIMIT_MS, never)).toBe(true);
    expect(await isHealthy(await answering(503), undefined, LIMIT_MS, never)).toBe(false);
  });

  it('takes an endpoint that speaks only HTTP/2 for alive', async () => {
    const settingsFrame = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const url = await listening(
      createTcpServer((socket) =>
        socket
          .on('error', () => socket.destroy())
          .resume()
          .end(settingsFrame),
      ),
    );
    expect(await isHealthy(url, undefined, LIMIT_MS, never)).toBe(true);
  });

  it('gives a silent endpoint up at the limit, and a refused connection at once', async () => {
    const sockets: { destroy: () => void }[] = [];
    const url = await listening(createTcpServer((socket) => sockets.push(socket)));
    expect(await isHealthy(url, undefined, 50, never)).toBe(false);
    for (const socket of sockets) socket.destroy();
    expect(await isHealthy('http://127.0.0.1:1', undefined, LIMIT_MS, never)).toBe(false);
  });

  it('ends when it is called off', async () => {
    const given = new AbortController();
    given.abort();
    expect(await isHealthy('http://127.0.0.1:1', undefined, LIMIT_MS, given.signal)).toBe(false);
  });
});
