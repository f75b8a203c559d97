/** Sessions that wish to see something: where they go, how long they wait, and that the server never hears of the wish. */
import { describe, expect, it } from 'vitest';
import { startupPacket } from './raw-client.ts';
import { client, SSL_REQUEST, STARTUP, world } from './scenario.ts';
import { AUTH_OK, READY } from './scripted-server.ts';

const after = (lsn: string, more = ''): Buffer =>
  startupPacket({ user: 'ann', database: 'x', options: `-c pgbaton.after=00000001:${lsn}${more}` });

async function twoNodes(settings: Parameters<typeof world>[0] = {}): ReturnType<typeof world> {
  const parts = await world(settings);
  parts.world.lead(parts.a, 1);
  await parts.world.until('the standby is known', ({ nodes }) => nodes.some(({ postgres }) => postgres === 'standby'));
  return parts;
}

describe('pgbaton.after', () => {
  it('leads to a standby that has replayed so much, and never reaches the server', async () => {
    const { world: w, serverB } = await twoNodes();
    await client(w.proxy.roPort).send(after('0/100')).untilMessage('Z');
    expect(serverB.heard[0]?.equals(STARTUP)).toBe(true);
    await client(w.proxy.roPort).send(after('0/1', ' -c work_mem=1MB')).untilMessage('Z');
    expect(serverB.heard[1]?.equals(startupPacket({ user: 'ann', database: 'x', options: '-c work_mem=1MB' }))).toBe(true);
    expect((await w.status()).wishes).toMatchObject({ byStandby: 2 });
  });

  it('waits for a standby that is about to have it, without waiting for the next ordinary question', async () => {
    const { world: w, b, serverA, serverB } = await twoNodes({ roWaitMs: 5_000 });
    const reader = client(w.proxy.roPort).send(after('0/200'));
    await w.until('it is held', ({ counts }) => counts.held === 1);
    const replayedAtMs = performance.now();
    b.answers.replayedLsn = '0/200';
    await reader.untilMessage('Z');
    expect(performance.now() - replayedAtMs).toBeLessThan(400);
    expect([serverA.sockets.length, serverB.sockets.length]).toEqual([0, 1]);
  });

  it('goes to the leader when its time is over, or is told so', async () => {
    const { world: w, serverA } = await twoNodes({ roWaitMs: 200 });
    await client(w.proxy.roPort).send(after('0/200')).untilMessage('Z');
    expect(serverA.sockets).toHaveLength(1);
    expect((await w.status()).wishes).toMatchObject({ byLeader: 1 });
    const strict = await twoNodes({ roWaitMs: 200, roFallback: 'refuse' });
    const refused = client(strict.world.proxy.roPort).send(after('0/200'));
    await refused.untilEnd();
    expect(refused.errorCode).toBe('57P03');
    expect(refused.messages[0]?.body.toString()).toContain('DPGB-1702');
  });

  it('goes to the leader at once when clients may not be held at all', async () => {
    const { world: w, serverA } = await twoNodes({ holdMs: 0, roWaitMs: 60_000 });
    await client(w.proxy.roPort).send(after('0/200')).untilMessage('Z');
    expect(serverA.sockets).toHaveLength(1);
  });

  it('on the read-write port leads to the leader, and is taken out as well', async () => {
    const { world: w, serverA } = await twoNodes();
    await client(w.proxy.rwPort).send(after('0/999')).untilMessage('Z');
    expect(serverA.heard[0]?.equals(STARTUP)).toBe(true);
  });

  it('leaves a server that only answered for TLS, when that one has not replayed enough', async () => {
    const { world: w, serverA, serverB } = await twoNodes({ roWaitMs: 100 });
    serverB.onFirst = (socket) => socket.write('N');
    const reader = client(w.proxy.roPort).send(SSL_REQUEST);
    await reader.until('TLS is declined', () => reader.bytes.toString() === 'N');
    reader.send(after('0/200'));
    await reader.until('the session is ready', () => reader.bytes.subarray(1).equals(Buffer.concat([AUTH_OK, READY])));
    expect(serverA.heard[0]?.equals(STARTUP)).toBe(true);
  });

  it.each(['-c pgbaton.after=nonsense', '-c pgbaton.aftr=00000001:0/1', '-c pgbaton.max_staleness_ms=1s'])(
    'is refused with 22023 when it cannot be read: %s',
    async (options) => {
      const { world: w, serverB } = await twoNodes();
      const reader = client(w.proxy.roPort).send(startupPacket({ user: 'ann', options }));
      await reader.untilEnd();
      expect([reader.errorCode, serverB.sockets.length]).toEqual(['22023', 0]);
    },
  );

  it('of a timeline that nobody knows is refused in the end', async () => {
    const { world: w } = await twoNodes({ roWaitMs: 100 });
    const reader = client(w.proxy.roPort).send(startupPacket({ user: 'ann', 'pgbaton.after': '00000009:0/1' }));
    await reader.untilEnd();
    expect(reader.errorCode).toBe('57P03');
  });
});

describe('pgbaton.max_staleness_ms', () => {
  it('leads to a standby that shows what the leader had lately, and to the leader when none does', async () => {
    const { world: w, a, serverA, serverB } = await twoNodes({ roWaitMs: 300 });
    await w.until('the age of the standby is known', ({ nodes }) => nodes.some(({ stalenessMs }) => stalenessMs !== null));
    const fresh = startupPacket({ user: 'ann', 'pgbaton.max_staleness_ms': '1500' });
    await client(w.proxy.roPort).send(fresh).untilMessage('Z');
    expect([serverA.sockets.length, serverB.sockets.length]).toEqual([0, 1]);
    a.answers.replayedLsn = '0/900';
    await w.until('the standby has aged', ({ nodes }) => nodes.some(({ stalenessMs }) => (stalenessMs ?? 0) > 1_500));
    await client(w.proxy.roPort).send(fresh).untilMessage('Z');
    expect([serverA.sockets.length, serverB.sockets.length]).toEqual([1, 1]);
  });
});
