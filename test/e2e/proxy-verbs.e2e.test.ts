// `pgbaton proxy …` against the proxy of a real cluster, and SIGTERM of that proxy with a session that will not go.
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { kill, query, TestCluster, until } from '../support/local-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.up('verbs', ['--nodes', '2']);
  await cluster.untilWhole();
});

afterAll(async () => {
  await cluster?.down();
});

async function session(): Promise<{ readonly client: Client; readonly ended: Promise<string> }> {
  const client = new Client({ connectionString: cluster.uri, application_name: 'stayer' });
  let code = 'no error';
  client.on('error', (error: Error & { code?: string }) => {
    if (error.code !== undefined) code = error.code;
  });
  const ended = new Promise<string>((resolve) => client.once('end', () => resolve(code)));
  await client.connect();
  return { client, ended };
}

describe('the verbs', () => {
  test('list a session, and a pause delays a new one until it ends by itself', async () => {
    const { client } = await session();
    expect((await cluster.cli('proxy', 'sessions')).stdout).toMatch(/rw +attached +n\d +\S+ +\S+ +stayer/);
    expect((await cluster.cli('proxy', 'pause', '--port', 'rw', '--for', '2')).stdout).toMatch(/paused, \d+ sessions?, resumes by itself/);
    const startedAtMs = monotonicMs();
    expect(await query(cluster.uri, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const waitedMs = monotonicMs() - startedAtMs;
    expect(waitedMs).toBeGreaterThan(1_000);
    expect(waitedMs).toBeLessThan(4_000);
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
    await client.end();
  });

  test('a drain cuts what is left, refuses what comes, and a resume opens again', async () => {
    const { ended } = await session();
    const drained = JSON.parse((await cluster.cli('proxy', 'drain', '--within', '1', '-o', 'json')).stdout) as { proxies: unknown[] };
    expect(drained.proxies).toMatchObject([{ sessions: 0, admission: { kind: 'draining' } }]);
    expect(await ended).toBe('57P01');
    await expect(query(cluster.uri, 'SELECT 1')).rejects.toMatchObject({ code: '57P03' });
    expect((await cluster.cli('proxy', 'resume')).stdout).toContain('open');
    expect(await query(cluster.uri, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('SIGTERM lets a session work on for its time, then cuts it with 57P01', async () => {
    const { client, ended } = await session();
    const { pid } = cluster.describe().proxy;
    kill(pid, 'SIGTERM');
    await sleep(200);
    expect((await client.query('SELECT 3 AS three')).rows).toEqual([{ three: 3 }]);
    expect(await ended).toBe('57P01');
    await until('another proxy is there', 15_000, async () => (await query(cluster.uri, 'SELECT 1 AS one')).length === 1);
  });
});
