// Sessions that a planned switchover takes along: work under way in every mode of pgbench, what a session has set, and the ones that cannot be moved.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query, TestCluster, until } from '../support/local-cluster.ts';

const run = promisify(execFile);

let cluster: TestCluster;
let uri: string;

beforeAll(async () => {
  cluster = await TestCluster.up('moves', []);
  await cluster.untilWhole();
  uri = cluster.uri;
  await run(pgbench(), ['-i', '-q', '-s', '2', uri]);
  await query(
    uri,
    "create role app login password 'secret'; create role other; grant other to app; grant all on all tables in schema public to app, other",
  );
});

afterAll(async () => {
  await cluster?.down();
});

function pgbench(): string {
  return join(process.env['PGBATON_PG_BIN'] ?? '', 'pgbench');
}

async function moveLeader(): Promise<void> {
  expect(await cluster.cli('switchover', '--yes')).toMatchObject({ code: 0 });
  await cluster.untilWhole();
}

type Watched = { readonly client: Client; readonly errors: string[]; readonly ended: Promise<void> };

async function session(user = 'postgres', password?: string): Promise<Watched> {
  const url = new URL(uri);
  url.username = user;
  if (password !== undefined) url.password = password;
  const client = new Client({ connectionString: url.href });
  const errors: string[] = [];
  client.on('error', (error: Error & { code?: string }) => errors.push(error.code ?? error.message));
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
  });
  await client.connect();
  return { client, errors, ended };
}

async function one(client: Client, text: string): Promise<unknown> {
  const [row] = (await client.query<Record<string, unknown>>(text)).rows;
  return row === undefined ? undefined : Object.values(row)[0];
}

describe('work under way', () => {
  test.each(['simple', 'extended', 'prepared'])('pgbench -M %s notices nothing of two switchovers', async (mode) => {
    const before = await one((await session()).client, 'select count(*)::int from pgbench_history');
    const bench = run(pgbench(), ['-n', '-M', mode, '-c', '8', '-j', '2', '-t', '250', '-R', '200', uri]);
    await moveLeader();
    await moveLeader();
    const { stdout } = await bench;
    expect(stdout).toMatch(/actually processed: 2000\/2000/);
    expect(stdout).toMatch(/failed transactions: 0/);
    // Exactly once: no transaction that was answered is missing, and none ran twice.
    expect(Number(await one((await session()).client, 'select count(*)::int from pgbench_history')) - Number(before)).toBe(2000);
  });
});

describe('what a session has set', () => {
  test('is there behind the switchover, at the new leader, in the same session of the client', async () => {
    const { client, errors } = await session('app', 'secret');
    await client.query(
      "set search_path to pg_catalog, public; set app.tenant to 'it''s \\ 17'; set datestyle to 'SQL, DMY'; set timezone to 'Asia/Tokyo'",
    );
    await client.query('set role other; set work_mem to 7168');
    await client.query('prepare by_sql(int) as select $1 + 1');
    const named = { name: 'by_protocol', text: 'select $1::int * 2 as twice' };
    expect((await client.query({ ...named, values: [4] })).rows).toEqual([{ twice: 8 }]);
    const from = await one(client, 'select inet_server_port()');
    await moveLeader();
    expect(await one(client, 'select inet_server_port()')).not.toBe(from);
    expect(await one(client, 'select pg_is_in_recovery()')).toBe(false);
    expect(await one(client, 'show search_path')).toBe('pg_catalog, public');
    expect(await one(client, 'show app.tenant')).toBe("it's \\ 17");
    expect(await one(client, 'show datestyle')).toBe('SQL, DMY');
    expect(await one(client, 'show timezone')).toBe('Asia/Tokyo');
    expect(await one(client, 'show work_mem')).toBe('7MB');
    expect(await one(client, 'select current_user')).toBe('other');
    expect(await one(client, 'execute by_sql(41)')).toBe(42);
    expect((await client.query({ ...named, values: [5] })).rows).toEqual([{ twice: 10 }]);
    expect(errors).toEqual([]);
    await client.end();
  });

  test('a cancel with the key of the first server reaches the session where it is now', async () => {
    const { client } = await session();
    await moveLeader();
    const sleeping = client.query('select pg_sleep(30)');
    const outcome = sleeping.then(
      () => 'slept',
      (error: Error & { code?: string }) => error.code,
    );
    const { processID, secretKey } = client as unknown as { readonly processID: number; readonly secretKey: number };
    const { hostname, port } = new URL(uri);
    const canceller = new Client({ host: hostname, port: Number(port) });
    const { connection } = canceller as unknown as {
      readonly connection: {
        connect: (port: number, host: string) => void;
        cancel: (pid: number, key: number) => void;
        on: (event: string, then: () => void) => void;
      };
    };
    connection.on('connect', () => {
      connection.cancel(processID, secretKey);
    });
    connection.connect(Number(port), hostname);
    expect(await outcome).toBe('57014');
    await client.end();
  });

  test('a client in the middle of a transaction finishes it first', async () => {
    const { client, errors } = await session();
    await client.query('create table if not exists slow (a int); begin; insert into slow values (1)');
    const moved = moveLeader();
    await until('the clients are being parked', 20_000, async () => (await cluster.operationStage()) === 'parking');
    await client.query('insert into slow values (2); commit');
    await moved;
    expect(await one(client, 'select count(*)::int from slow')).toBe(2);
    expect(errors).toEqual([]);
    await client.end();
  });
});

describe('what cannot be moved', () => {
  test.each([
    ['a temporary table', 'create temp table t (a int)'],
    ['an advisory lock', 'select pg_advisory_lock(1)'],
    ['LISTEN', 'listen news'],
  ])('a session with %s is told 57P01, and never moved silently', async (_what, text) => {
    const { client, errors, ended } = await session();
    await client.query(text);
    await moveLeader();
    await ended;
    expect(errors).toContain('57P01');
  });

  test('a transaction that does not end in time is broken off, and the others wait no longer for it', async () => {
    const { client, errors, ended } = await session();
    const other = await session();
    await client.query('begin; select 1');
    await moveLeader();
    await ended;
    expect(errors).toContain('57P01');
    expect(await one(other.client, 'select 1')).toBe(1);
    expect(other.errors).toEqual([]);
    await other.client.end();
  });
});
