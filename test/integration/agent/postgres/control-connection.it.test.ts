// A session that is given up: it ends at once, also while it connects to somebody who says nothing, as a frozen server does.
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ControlSession } from '../../../../agent/postgres/control-connection.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';

const LOGIN = { user: 'pgbaton', password: 'x', database: 'postgres', applicationName: 'test' } as const;
let server: Server;
let port = 0;
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = address !== null && typeof address === 'object' ? address.port : 0;
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

it('connecting ends when it is given up, long before its deadline, and leaves no connection', async () => {
  const giveUp = new AbortController();
  const sinceMs = monotonicMs();
  const opening = ControlSession.open({ ...LOGIN, host: '127.0.0.1', port }, 10_000, giveUp.signal);
  setTimeout(() => giveUp.abort(), 100);
  await expect(opening).rejects.toThrow('given up');
  expect(monotonicMs() - sinceMs).toBeLessThan(2_000);
  await expect.poll(() => sockets.size).toBe(0);
});

it('connecting for somebody who has given up already is not begun', async () => {
  await expect(ControlSession.open({ ...LOGIN, host: '127.0.0.1', port }, 10_000, AbortSignal.abort())).rejects.toThrow('given up');
});

it('connecting ends at its deadline when nobody gives it up', async () => {
  const sinceMs = monotonicMs();
  await expect(ControlSession.open({ ...LOGIN, host: '127.0.0.1', port }, 300)).rejects.toThrow('longer than');
  expect(monotonicMs() - sinceMs).toBeGreaterThanOrEqual(299);
});
