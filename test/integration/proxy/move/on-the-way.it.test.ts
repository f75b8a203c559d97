/** Clients that a planned move finds between the doors: sent to the old leader, and not a word heard from it. */
import { expect, it } from 'vitest';
import { until } from '../../../support/until.ts';
import { client, SSL_REQUEST, STARTUP, world } from '../scenario.ts';
import { AUTH_OK, READY } from '../scripted-server.ts';
import type { World } from '../world.ts';

const TOKEN = 'a-token-of-sufficient-length';

async function park(one: World, from: string, to: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${String(one.proxy.apiPort)}/move/park`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ operation: 'move-1', from, to, epoch: '1', withinMs: 1_000 }),
  });
  expect(response.status).toBe(200);
}

it('are sent to the new leader, and hear of nothing', async () => {
  const { world: w, a, b, serverA, serverB } = await world({ peerToken: TOKEN });
  serverA.onFirst = () => undefined;
  w.lead(a, 1);
  const late = client(w.proxy.rwPort).send(STARTUP);
  await until('the old leader has the startup packet', 5_000, () => serverA.heard.some((bytes) => bytes.equals(STARTUP)));
  await park(w, a.member, b.member);
  for (const socket of serverA.sockets) socket.write(Buffer.concat([AUTH_OK, READY]));
  await w.until('the client is held', ({ counts }) => counts.held === 1);
  expect(serverB.sockets).toHaveLength(0);
  b.answers.postgres = { kind: 'primary', open: true };
  b.answers.epoch = '2';
  w.lead(b, 2);
  await late.untilMessage('Z');
  expect(late.messages.map(({ type }) => type)).toEqual(['R', 'Z']);
  expect(serverB.heard.some((bytes) => bytes.equals(STARTUP))).toBe(true);
});

it('lose the connection over which TLS was declined, and get another one', async () => {
  const { world: w, a, b, serverA, serverB } = await world({ peerToken: TOKEN });
  serverA.onFirst = (socket) => void socket.write('N');
  w.lead(a, 1);
  const late = client(w.proxy.rwPort).send(SSL_REQUEST);
  await late.until('TLS is declined', () => late.bytes.toString() === 'N');
  await park(w, a.member, b.member);
  late.send(STARTUP);
  await w.until('the client is held', ({ counts }) => counts.held === 1);
  expect(serverA.heard.some((bytes) => bytes.includes(STARTUP))).toBe(false);
  b.answers.postgres = { kind: 'primary', open: true };
  b.answers.epoch = '2';
  w.lead(b, 2);
  await until('the new leader has its startup packet', 5_000, () => serverB.heard.some((bytes) => bytes.equals(STARTUP)));
});
