/** The proxy in front of a real PostgreSQL: everything a client can say must come through as if the proxy were not there. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import { PASSWORD, PostgresFixture } from './postgres-fixture.ts';
import { message, RawClient, startupPacket } from './raw-client.ts';
import { FakeNode, World } from './world.ts';

let postgres: PostgresFixture;
let node: FakeNode;
let other: FakeNode;
let world: World;
let epochNow = 1;
const clients: pg.Client[] = [];

/** Long enough to span many reads of the relay, in rows of different length. */
const COPY_QUERY = `SELECT i, repeat(md5(i::text), 1 + i % 5) FROM generate_series(1, 500000) AS i`;

beforeAll(async () => {
  postgres = await PostgresFixture.start();
  node = new FakeNode('n1', postgres.port);
  other = new FakeNode('n2', 1);
  other.answers.postgres = { kind: 'standby', streaming: false };
  world = await World.start([node, other], { holdMs: 8_000 });
  world.lead(node, epochNow);
  await world.until('the leader is known', ({ readWriteTarget }) => readWriteTarget !== null);
  await query("CREATE ROLE raw LOGIN; CREATE ROLE nobody LOGIN PASSWORD 'x'; CREATE TABLE copied (i int, t text)");
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
});

afterAll(async () => {
  await world.close();
  await postgres.remove();
});

/** Back to the state most tests begin with, in a new epoch. */
async function leadAgain(): Promise<void> {
  epochNow += 1;
  world.lead(node, epochNow);
  await world.until('the leader is known', ({ leader, readWriteTarget }) => readWriteTarget !== null && leader?.epoch === String(epochNow));
}

async function connect(settings: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: world.proxy.rwPort,
    user: 'postgres',
    password: PASSWORD,
    database: 'postgres',
    ...settings,
  });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

async function query(sql: string): Promise<pg.QueryResult> {
  return (await connect()).query(sql);
}

function psql(port: number, args: readonly string[], dsn = ''): ChildProcess {
  return postgres.spawn('psql', [
    '-X',
    '-q',
    '-v',
    'ON_ERROR_STOP=1',
    '-d',
    `host=127.0.0.1 port=${String(port)} user=postgres dbname=postgres ${dsn}`,
    ...args,
  ]);
}

async function outputOf(child: ChildProcess): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

async function digestOf(stream: Readable | null): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

describe('through the proxy', () => {
  it('a client logs in with SCRAM, queries, prepares and writes', async () => {
    const client = await connect();
    expect((await client.query('SELECT $1::int + 1 AS n', [41])).rows).toEqual([{ n: 42 }]);
    expect((await client.query({ name: 'p', text: 'SELECT pg_is_in_recovery() AS standby' })).rows).toEqual([{ standby: false }]);
    await client.query('BEGIN; CREATE TEMP TABLE t (i int); INSERT INTO t SELECT generate_series(1, 1000); COMMIT');
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1_000 }]);
  });

  it('a wrong password is told as PostgreSQL tells it', async () => {
    await expect(connect({ password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });

  it('a rule of pg_hba.conf that rejects is told, because the agent vouches for the server', async () => {
    await expect(connect({ user: 'nobody' })).rejects.toMatchObject({ code: '28000' });
  });

  it('COPY carries 50 MB in both directions without changing a byte', async () => {
    const direct = await digestOf(psql(postgres.port, ['-c', `COPY (${COPY_QUERY}) TO STDOUT`], 'sslmode=disable').stdout);
    expect(direct.bytes).toBeGreaterThan(50_000_000);
    const source = psql(world.proxy.rwPort, ['-c', `COPY (${COPY_QUERY}) TO STDOUT`], 'sslmode=disable');
    const sink = psql(world.proxy.rwPort, ['-c', 'COPY copied FROM STDIN'], 'sslmode=disable');
    const done = outputOf(sink);
    const digest = createHash('sha256');
    source.stdout?.on('data', (chunk: Buffer) => digest.update(chunk));
    if (source.stdout === null || sink.stdin === null) throw new Error('no pipes');
    await pipeline(source.stdout, sink.stdin);
    expect((await done).code).toBe(0);
    expect(digest.digest('hex')).toBe(direct.sha256);
    const back = await digestOf(psql(postgres.port, ['-c', 'COPY (SELECT * FROM copied ORDER BY i) TO STDOUT'], 'sslmode=disable').stdout);
    expect(back).toEqual(direct);
  });

  it('TLS runs from end to end: the certificate is the server’s, and the password is bound to the channel', async () => {
    const dsn = 'sslmode=require channel_binding=require';
    const { code, out, err } = await outputOf(
      psql(world.proxy.rwPort, ['-At', '-c', 'SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()'], dsn),
    );
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^t\|TLSv1\.[23]\n$/);
  });

  it('a cancel request stops the query it belongs to, in the clear and under TLS', async () => {
    for (const sslmode of ['disable', 'require']) {
      const marker = `SELECT pg_sleep(20) /* ${sslmode} */`;
      const child = psql(world.proxy.rwPort, ['-c', marker], `sslmode=${sslmode}`);
      const done = outputOf(child);
      const watcher = await connect();
      await until(
        'the query runs',
        5_000,
        async () =>
          (await watcher.query('SELECT 1 FROM pg_stat_activity WHERE query = $1 AND state = $2', [marker, 'active'])).rowCount === 1,
      );
      child.kill('SIGINT');
      const { code, err } = await done;
      expect(code).not.toBe(0);
      expect(err).toContain('canceling statement due to user request');
    }
  });

  it('a replication connection takes a base backup', async () => {
    const target = postgres.path('backup');
    const child = postgres.spawn(
      'pg_basebackup',
      ['-h', '127.0.0.1', '-p', String(world.proxy.rwPort), '-U', 'postgres', '-D', target, '-c', 'fast', '-X', 'stream'],
      { PGSSLMODE: 'disable' },
    );
    const { code, err } = await outputOf(child);
    expect([code, err]).toEqual([0, '']);
    expect(existsSync(`${target}/backup_label`)).toBe(true);
  });

  it('a client that has said everything still gets its answer', async () => {
    const raw = new RawClient(world.proxy.rwPort).send(startupPacket({ user: 'raw', database: 'postgres' }));
    await raw.untilMessage('Z');
    raw.socket.end(message('Q', "SELECT 'late' FROM pg_sleep(0.3)\0"));
    await raw.untilEnd();
    expect(raw.ended).toBe('end');
    expect(raw.messages.slice(-4).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
  });

  it('protocol options that the server does not know are negotiated by the server', async () => {
    const raw = new RawClient(world.proxy.rwPort).send(
      startupPacket({ user: 'raw', database: 'postgres', '_pq_.unknown': 'on' }, 0x0003_270f),
    );
    await raw.untilMessage('Z');
    expect(raw.messages[0]?.type).toBe('v');
    raw.close();
  });
});

describe('when the leader changes', () => {
  it('a connection waits for the leader and then works', async () => {
    world.lead(node, epochNow, { kind: 'released', final: null });
    const connecting = connect();
    await world.until('it is held', ({ counts }) => counts.held === 1);
    await leadAgain();
    expect((await (await connecting).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('a connection survives a restart of the server that was under way', async () => {
    await postgres.stopServer();
    const connecting = connect();
    await world.until('it is held', ({ counts }) => counts.held === 1);
    await postgres.startServer();
    expect((await (await connecting).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('an idle session is cut with 57P01 at once and never meets a read-only server', async () => {
    const client = await connect();
    const cut = new Promise<Error & { code?: string }>((resolve) => client.once('error', resolve));
    const cutAtMs = performance.now();
    epochNow += 1;
    world.lead(other, epochNow, { kind: 'promoting' });
    expect((await cut).code).toBe('57P01');
    expect(performance.now() - cutAtMs).toBeLessThan(1_000);
    await leadAgain();
    expect((await query('CREATE TABLE written_after (i int)')).command).toBe('CREATE');
  });

  it('a result under way never ends as if it were complete', async () => {
    const child = psql(world.proxy.rwPort, ['-c', `COPY (${COPY_QUERY}) TO STDOUT`], 'sslmode=disable');
    let bytes = 0;
    child.stdout?.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const code = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until('rows flow', 5_000, () => bytes > 0);
    epochNow += 1;
    world.lead(other, epochNow, { kind: 'promoting' });
    expect(await code).not.toBe(0);
    await leadAgain();
  });

  it('the read-only port serves from the primary while no standby qualifies', async () => {
    const client = await connect({ port: world.proxy.roPort });
    expect((await client.query('SHOW transaction_read_only')).rows).toEqual([{ transaction_read_only: 'off' }]);
  });
});
