/** The proxy's sessions against servers whose every word is scripted: what is retried, what is cut, what is passed on. */
import { describe, expect, it } from 'vitest';
import { lsn } from '../../../shared/domain/lsn.ts';
import { timelineId } from '../../../shared/domain/timeline.ts';
import { message, startupPacket } from './raw-client.ts';
import { client, STARTUP, world } from './scenario.ts';
import { AUTH_OK, fatal, READY, type ScriptedServer } from './scripted-server.ts';
import { FakeNode } from './world.ts';
import { until } from '../../support/until.ts';

const FINAL = { timeline: timelineId(1), lsn: lsn(1n) };

describe('a new connection', () => {
  it('is held while nobody serves, and goes through as soon as somebody does', async () => {
    const { world: w, a, serverA } = await world();
    const waiting = client(w.proxy.rwPort).send(STARTUP);
    await w.until('the client is held', ({ counts }) => counts.held === 1);
    w.lead(a, 1, { kind: 'promoting' });
    expect(serverA.sockets).toHaveLength(0);
    w.lead(a, 1);
    await waiting.untilMessage('Z');
    expect(serverA.heard[0]?.equals(STARTUP)).toBe(true);
    expect((await w.status()).counts).toMatchObject({ held: 0, rwSessions: 1, refused: 0 });
  });

  it('is refused with 57P03 when its time is over', async () => {
    const { world: w } = await world({ holdMs: 200 });
    const waiting = client(w.proxy.rwPort).send(STARTUP);
    await waiting.untilEnd();
    expect(waiting.errorCode).toBe('57P03');
    expect((await w.status()).counts).toMatchObject({ held: 0, refused: 1 });
  });

  it('is refused with 53300 when the waiting room is full, and the others wait on', async () => {
    const { world: w } = await world({ holdMax: 2 });
    const waiting = [client(w.proxy.rwPort).send(STARTUP), client(w.proxy.rwPort).send(STARTUP)];
    await w.until('two are held', ({ counts }) => counts.held === 2);
    const third = client(w.proxy.rwPort).send(STARTUP);
    await third.untilEnd();
    expect(third.errorCode).toBe('53300');
    expect(waiting.map(({ ended }) => ended)).toEqual(['open', 'open']);
  });

  it('gives its place back when the client leaves', async () => {
    const { world: w } = await world();
    const waiting = client(w.proxy.rwPort).send(STARTUP);
    await w.until('the client is held', ({ counts }) => counts.held === 1);
    waiting.close();
    await w.until('the place is free', ({ counts }) => counts.held === 0);
  });

  it('is tried again while the server starts up, and the client never hears of it', async () => {
    const { world: w, a, serverA } = await world();
    let refusals = 3;
    serverA.onFirst = (socket) => {
      refusals -= 1;
      if (refusals >= 0) socket.end(fatal('57P03', 'the database system is starting up'));
      else socket.write(Buffer.concat([AUTH_OK, READY]));
    };
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    expect(one.messages.map(({ type }) => type)).toEqual(['R', 'Z']);
    expect(serverA.sockets).toHaveLength(4);
  });

  it.each([
    ['refuses the connection', (s: ScriptedServer): Promise<void> => s.close()],
    ['closes it without a word', (s: ScriptedServer): void => void (s.onFirst = (socket) => void socket.end())],
    ['resets it', (s: ScriptedServer): void => void (s.onFirst = (socket) => void socket.resetAndDestroy())],
    ['says nothing at all', (s: ScriptedServer): void => void (s.onFirst = () => undefined)],
  ] as const)('moves on to the next leader when the first one %s', async (_how, breakDown) => {
    const { world: w, a, b, serverA, serverB } = await world();
    await breakDown(serverA);
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await w.until('the leader is known', ({ leader }) => leader?.epoch === '1');
    w.lead(b, 2);
    await one.untilMessage('Z');
    expect(serverB.sockets).toHaveLength(1);
    expect(one.errorCode).toBeNull();
  });

  it('waits at a closed door while the agent does not vouch for it, and hears the error when it does', async () => {
    const { world: w, a, serverA } = await world();
    a.answers.primaryCode = 503;
    serverA.onFirst = (socket) => socket.end(fatal('28000', 'no pg_hba.conf entry for host "127.0.0.1"'));
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.until('it is tried again', () => serverA.sockets.length >= 3);
    expect(one.bytes).toHaveLength(0);
    a.answers.primaryCode = 200;
    await one.untilEnd();
    expect(one.errorCode).toBe('28000');
  });

  it('hears an error of its own at once, word for word', async () => {
    const { world: w, a, serverA } = await world();
    const error = fatal('28P01', 'password authentication failed for user "ann"');
    serverA.onFirst = (socket) => socket.end(error);
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilEnd();
    expect(one.bytes.equals(error)).toBe(true);
    expect(serverA.sockets).toHaveLength(1);
  });

  it('never goes back to a lower epoch, whatever the store says', async () => {
    const { world: w, a, b, serverA, serverB } = await world();
    w.lead(b, 5);
    await w.until('epoch 5 is known', ({ leader }) => leader?.epoch === '5');
    w.lead(a, 4);
    await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
    expect([serverA.sockets.length, serverB.sockets.length]).toEqual([0, 1]);
  });

  it('goes to the last leader while the store is silent', async () => {
    const { world: w, a } = await world();
    w.lead(a, 1);
    await w.until('the leader is known', ({ leader }) => leader !== null);
    w.dcs.setUnavailable(true);
    await client(w.proxy.rwPort).send(STARTUP).untilMessage('Z');
  });
});

describe('a session', () => {
  it('is cut with 57P01 as soon as another holder claims', async () => {
    const { world: w, a, b, serverA } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    w.lead(b, 2, { kind: 'promoting' });
    await one.untilEnd();
    expect([one.errorCode, one.ended]).toEqual(['57P01', 'end']);
    await one.until('the server is told too', () => serverA.sockets[0]?.destroyed === true);
    expect((await w.status()).counts).toMatchObject({ cut: 1, rwSessions: 0 });
  });

  it('is cut at once with all others when its host has gone silent: nobody waits for an answer, or for what cannot be sent', async () => {
    const { world: w, a, b, serverA } = await world();
    w.lead(a, 1);
    const clients = Array.from({ length: 200 }, () => client(w.proxy.rwPort).send(STARTUP));
    for (const one of clients) await one.untilMessage('Z');
    // Dropped packets: the sockets stay, nothing is read or said any more. Some clients are idle, some wait for an answer, some have filled every buffer.
    for (const socket of serverA.sockets) socket.pause();
    clients.forEach((one, index) => {
      if (index % 3 === 1) one.send(message('Q', 'select 1\0'));
      if (index % 70 === 2) one.send(message('d', Buffer.alloc(24_000_000)));
    });
    const ends = Promise.all(
      clients.map(async ({ socket }) => new Promise((resolve) => socket.once('close', resolve).once('end', resolve))),
    );
    let left = Number.NaN;
    await until('the proxy has taken up what it could', 10_000, async () => {
      const before = left;
      await new Promise((resolve) => setTimeout(resolve, 100));
      left = clients.reduce((sum, { socket }) => sum + socket.writableLength, 0);
      return left === before && left > 0;
    });
    const knownAtMs = performance.now();
    w.lead(b, 2, { kind: 'promoting' });
    await ends;
    // A loaded machine takes 250 ms for two hundred; whatever waited for a word, or for room in a buffer, would take the seconds of a timer.
    expect(performance.now() - knownAtMs).toBeLessThan(1_000);
    expect((await w.status()).counts).toMatchObject({ cut: 200, rwSessions: 0 });
  });

  it.each([
    ['releases', { kind: 'released', final: null }],
    ['hands over', { kind: 'handing-over', to: new FakeNode('n2', 0).member, final: FINAL }],
  ] as const)('is cut when its leader %s', async (_how, state) => {
    const { world: w, a } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    w.lead(a, 1, state);
    await one.untilEnd();
    expect(one.errorCode).toBe('57P01');
  });

  it('lives on when its leader raises its own epoch', async () => {
    const { world: w, a } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    w.lead(a, 3);
    await w.until('epoch 3 is known', ({ leader }) => leader?.epoch === '3');
    expect((await w.status()).counts).toMatchObject({ cut: 0, rwSessions: 1 });
    w.lead(a, 3, { kind: 'released', final: null });
    await one.untilEnd();
    expect(one.errorCode).toBe('57P01');
  });

  it('is broken off, not talked into, when the server stands in the middle of a message', async () => {
    const { world: w, a, b, serverA } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    const row = message('D', Buffer.alloc(100, 1));
    serverA.sockets[0]?.write(row.subarray(0, 50));
    const before = AUTH_OK.length + READY.length + 50;
    await one.until('half a row arrived', () => one.bytes.length === before);
    w.lead(b, 2);
    await one.untilEnd();
    expect(one.ended).toBe('reset');
    expect(one.bytes).toHaveLength(before);
  });

  it('passes a reset in the middle of a message on as a reset, and an end as an end', async () => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const torn = client(w.proxy.rwPort).send(STARTUP);
    await torn.untilMessage('Z');
    serverA.sockets[0]?.write(message('D', Buffer.alloc(100, 1)).subarray(0, 50));
    await torn.until('half a row arrived', () => torn.bytes.length > 60);
    serverA.sockets[0]?.resetAndDestroy();
    await torn.untilEnd();
    const tidy = client(w.proxy.rwPort).send(STARTUP);
    await tidy.untilMessage('Z');
    serverA.sockets[1]?.end(fatal('57P01', 'terminating connection due to administrator command'));
    await tidy.untilEnd();
    expect([torn.ended, tidy.ended, tidy.errorCode]).toEqual(['reset', 'end', '57P01']);
  });

  it('tells the server when the client resets', async () => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    one.socket.resetAndDestroy();
    await one.until('the server sees it', () => serverA.sockets[0]?.destroyed === true);
    await w.until('nothing is left of it', ({ counts }) => counts.rwSessions === 0);
  });

  it('ends behind the notice of a commit whose wait was cancelled, and hides the success', async () => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    const notice = message(
      'N',
      'SWARNING\0VWARNING\0C01000\0Mcanceling wait for synchronous replication due to user request\0RSyncRepWaitForLSN\0\0',
    );
    const bytes = Buffer.concat([notice, message('C', 'COMMIT\0'), READY]);
    serverA.sockets[0]?.write(bytes.subarray(0, 20));
    serverA.sockets[0]?.write(bytes.subarray(20));
    await one.untilEnd();
    expect(one.messages.map(({ type }) => type)).toEqual(['R', 'Z', 'N', 'E']);
    expect(one.errorCode).toBe('08007');
  });

  it('makes the server wait while the client does not read', async () => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const slow = client(w.proxy.rwPort).send(STARTUP);
    await slow.untilMessage('Z');
    slow.socket.pause();
    // Far more than all kernel buffers on the way can hold.
    const totalBytes = 96 * 1_048_576;
    const chunk = message('D', Buffer.alloc(1_048_571));
    let writtenBytes = 0;
    const fill = (): void => {
      if (writtenBytes >= totalBytes) return;
      writtenBytes += chunk.length;
      serverA.sockets[0]?.write(chunk, fill);
    };
    fill();
    let before = -1;
    let stoppedTurns = 0;
    await slow.until('the server is stopped', () => {
      stoppedTurns = writtenBytes === before ? stoppedTurns + 1 : 0;
      before = writtenBytes;
      return stoppedTurns > 20;
    });
    expect(writtenBytes).toBeLessThan(totalBytes / 2);
    let readBytes = 0;
    slow.socket.removeAllListeners('data').on('data', (bytes) => (readBytes += bytes.length));
    slow.socket.resume();
    await slow.until('everything arrives', () => readBytes >= totalBytes, 10_000);
  });

  it('is cut when the proxy stops', async () => {
    const { world: w, a } = await world();
    w.lead(a, 1);
    const one = client(w.proxy.rwPort).send(STARTUP);
    await one.untilMessage('Z');
    await w.proxy.close();
    await one.untilEnd();
    expect(one.errorCode).toBe('57P01');
  });
});

describe('the read-only port', () => {
  it('leads to a standby, and to the primary when none qualifies', async () => {
    const { world: w, a, b, serverA, serverB } = await world();
    w.lead(a, 1);
    await w.until('the standby is known', ({ nodes }) => nodes.some(({ postgres }) => postgres === 'standby'));
    await client(w.proxy.roPort).send(STARTUP).untilMessage('Z');
    expect([serverA.sockets.length, serverB.sockets.length]).toEqual([0, 1]);
    b.answers.lagBytes = 99_999_999;
    await w.until('the lag is known', ({ nodes }) => nodes.some(({ lagBytes }) => lagBytes === 99_999_999));
    await client(w.proxy.roPort).send(STARTUP).untilMessage('Z');
    expect([serverA.sockets.length, serverB.sockets.length]).toEqual([1, 1]);
    expect((await w.status()).counts).toMatchObject({ roSessions: 2, rwSessions: 0 });
  });

  it('keeps its readers when their standby becomes the leader, and cuts them when its server stops', async () => {
    const { world: w, a, b } = await world();
    w.lead(a, 1);
    await w.until('the standby is known', ({ nodes }) => nodes.some(({ postgres }) => postgres === 'standby'));
    const reader = client(w.proxy.roPort).send(STARTUP);
    await reader.untilMessage('Z');
    b.answers.postgres = { kind: 'primary', open: true };
    w.lead(b, 2);
    await w.until('the new primary is known', ({ nodes }) =>
      nodes.some(({ member, postgres }) => member === b.member && postgres === 'primary'),
    );
    expect([reader.ended, (await w.status()).counts.cut]).toEqual(['open', 0]);
    b.answers.postgres = { kind: 'stopped' };
    await reader.untilEnd();
    expect(reader.errorCode).toBe('57P01');
  });

  it('refuses with 57P03 when no standby qualifies and the primary is not allowed', async () => {
    const { world: w, a, b } = await world({ roFallback: 'refuse' });
    b.answers.postgres = { kind: 'standby', streaming: false };
    w.lead(a, 1);
    const reader = client(w.proxy.roPort).send(STARTUP);
    await reader.untilEnd();
    expect(reader.errorCode).toBe('57P03');
  });
});

describe('what the proxy tells about itself', () => {
  it('is ready while a client would get a server, alive always, and listed in the store', async () => {
    const { world: w, a } = await world();
    const codes = async (): Promise<readonly number[]> =>
      Promise.all(
        ['/liveness', '/readiness', '/health'].map(
          async (path) => (await fetch(`http://127.0.0.1:${String(w.proxy.apiPort)}${path}`)).status,
        ),
      );
    expect(await codes()).toEqual([200, 503, 503]);
    w.lead(a, 1);
    await w.until('the leader is known', ({ readWriteTarget }) => readWriteTarget === a.member);
    expect(await codes()).toEqual([200, 200, 200]);
    await w.until('it is listed', () => w.presence() !== null);
    expect(JSON.parse(w.presence() ?? '')).toEqual({
      version: 1,
      id: 'p1',
      rwPort: w.proxy.rwPort,
      roPort: w.proxy.roPort,
      url: `http://127.0.0.1:${String(w.proxy.apiPort)}`,
    });
    await w.proxy.close();
    expect(w.presence()).toBeNull();
  });
});

describe('a client that asks for weaker commits than the mode promises', () => {
  const weak = (value: string): Buffer => startupPacket({ user: 'ann', options: `-c synchronous_commit=${value}` });

  it('is let in unchanged, and counted by its value while it is there and ever after', async () => {
    const { world: w, a, serverA } = await world();
    w.lead(a, 1);
    const off = client(w.proxy.rwPort).send(weak('off'));
    const local = client(w.proxy.rwPort).send(startupPacket({ user: 'ann', synchronous_commit: 'local' }));
    const enough = client(w.proxy.rwPort).send(weak('remote_apply'));
    for (const one of [off, local, enough]) await one.untilMessage('Z');
    expect(serverA.heard.some((heard) => heard.equals(weak('off')))).toBe(true);
    expect((await w.status()).weakCommits).toEqual({
      policy: 'allow',
      sessions: { off: { open: 1, total: 1 }, local: { open: 1, total: 1 }, remote_write: { open: 0, total: 0 } },
      refused: 0,
    });
    off.close();
    await w.until('one is gone', ({ weakCommits }) => weakCommits.sessions.off.open === 0);
    expect((await w.status()).weakCommits.sessions.off.total).toBe(1);
    const metrics = await (await fetch(`http://127.0.0.1:${String(w.proxy.apiPort)}/metrics`)).text();
    expect(metrics).toContain('pgbaton_proxy_weak_commit_sessions{value="local"} 1\n');
    expect(metrics).toContain('pgbaton_proxy_weak_commit_sessions_total{value="off"} 1\n');
  });

  it('is refused with 42501 and a hint where that is forbidden, held or not, and no server is left with it', async () => {
    const { world: w, a, serverA } = await world({ weakCommits: 'forbid' });
    const early = client(w.proxy.rwPort).send(weak('off'));
    await w.until('it is held', ({ counts }) => counts.held === 1);
    w.lead(a, 1);
    await early.untilEnd();
    const late = client(w.proxy.rwPort).send(weak('remote_write'));
    await late.untilEnd();
    expect([early.errorCode, late.errorCode]).toEqual(['42501', '42501']);
    expect(late.messages[0]?.body.toString()).toMatch(/remote_write.*\0DPGB-1701\0H.*weakCommits/);
    await late.until('the server is rid of it', () => serverA.sockets.every(({ destroyed }) => destroyed));
    await client(w.proxy.rwPort).send(weak('on')).untilMessage('Z');
    expect((await w.status()).weakCommits).toMatchObject({ policy: 'forbid', refused: 2 });
  });
});
