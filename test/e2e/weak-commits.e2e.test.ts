// synchronous_commit below the promise, on a real cluster: seen by the proxy when a client asks for it, and by the agent when a role has it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProxyStatus } from '../../proxy/api.ts';
import { Client } from 'pg';
import { query, TestCluster, until } from '../support/local-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.up('weak', ['--nodes', '2']);
  await cluster.untilWhole();
});

afterAll(async () => {
  await cluster?.down();
});

async function proxyStatus(): Promise<ProxyStatus> {
  return (await (await fetch(`${cluster.proxy.url}/status`, { signal: AbortSignal.timeout(2_000) })).json()) as ProxyStatus;
}

async function alarms(): Promise<readonly string[]> {
  return (await cluster.list()).nodes.flatMap((node) => ('unreachable' in node ? [] : node.alarms));
}

describe('synchronous_commit below the promise', () => {
  test('is counted by the proxy when a client asks for it, and does what it did', async () => {
    const client = new Client({ connectionString: cluster.uri, options: '-c work_mem=3MB -c synchronous_commit=local' });
    await client.connect();
    const shown = await client.query("SELECT current_setting('synchronous_commit') AS commit, current_setting('work_mem') AS memory");
    expect(shown.rows).toEqual([{ commit: 'local', memory: '3MB' }]);
    expect((await proxyStatus()).weakCommits.sessions.local).toEqual({ open: 1, total: 1 });
    await client.end();
    await until('it is gone', 5_000, async () => (await proxyStatus()).weakCommits.sessions.local.open === 0);
  });

  test('raises an alarm on the leader while a role or a database has it, and not when it asks for more', async () => {
    await query(cluster.uri, "CREATE ROLE careful; ALTER ROLE careful SET synchronous_commit = 'remote_apply'");
    await query(cluster.uri, 'CREATE ROLE hasty; ALTER ROLE hasty IN DATABASE postgres SET synchronous_commit = off');
    await until('the alarm is there', 15_000, async () => (await alarms()).length > 0);
    expect(await alarms()).toEqual([
      'PGB-1333 commits may be lost in a failover: role hasty in database postgres has synchronous_commit = off',
    ]);
    expect((await cluster.cli('list')).stdout).toMatch(/^! n\d: PGB-1333 /m);
    await query(cluster.uri, 'ALTER ROLE hasty IN DATABASE postgres RESET synchronous_commit');
    await until('the alarm is over', 15_000, async () => (await alarms()).length === 0);
  });
});
