// What becomes of a cluster whose etcd is gone, empty, or older than it was: clients must not notice, nobody may act on it, and one command mends it.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../../cli/local/processes.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { kill, TestCluster, withLedger } from '../support/local-cluster.ts';
import { until } from '../support/until.ts';

const MEMBER = 'e1';
/** Longer than a lease. */
const OUTAGE_MS = 8_000;
const WAIT_MS = 20_000;
/** A failover would take longer. */
const LONGEST_PAUSE_MS = 1_000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.up('store');
  await cluster.untilWhole();
}, 120_000);

afterAll(async () => {
  await cluster.down();
});

describe('an etcd that is gone', () => {
  test('costs no client an error although the leader’s agent dies meanwhile and starts without it', async () => {
    const before = await cluster.untilWhole();
    const leader = await cluster.leader();
    const { agent, postmaster } = (await cluster.status(leader)).pids;
    const result = await withLedger(cluster, async () => {
      await stopEtcd();
      await sleep(1_000);
      kill(agent ?? 0, 'SIGKILL');
      await sleep(OUTAGE_MS);
      const during = await cluster.status(leader);
      expect(during.pids.agent).not.toBe(agent);
      expect(during.pids.postmaster).toBe(postmaster);
      startEtcd();
      await cluster.untilWhole();
    });
    expect(result.errors).toBe(0);
    expect(result.outageMs).toBeLessThan(LONGEST_PAUSE_MS);
    expect((await cluster.list()).leader).toMatchObject({ name: leader, epoch: before.leader?.epoch });
  });
});

describe('an etcd that has lost what it knew', () => {
  test('wiped: is distrusted, costs nothing, and is mended by one command', async () => {
    await refusedThenRepaired(() => {
      rmSync(etcdDir(), { recursive: true });
    });
  });

  test('put back as it was an epoch ago: the same, and the epoch never falls (I6)', async () => {
    const backup = `${cluster.dir}/etcd-backup`;
    await stopEtcd();
    cpSync(etcdDir(), backup, { recursive: true });
    startEtcd();
    await cluster.untilWhole();
    const { code } = await cluster.cli('switchover', '--yes');
    expect(code).toBe(0);
    const dir = etcdDir();
    await refusedThenRepaired(() => {
      rmSync(dir, { recursive: true });
      cpSync(backup, dir, { recursive: true });
    });
  });

  test('and afterwards the cluster fails over as ever', async () => {
    const { leader: before } = await cluster.untilWhole();
    const { name = '' } = before ?? {};
    await withLedger(cluster, async () => {
      await cluster.killNode(name);
      await until('another leads', WAIT_MS, async () => {
        const { leader } = await cluster.list();
        return leader?.state === 'serving' && leader.name !== name;
      });
      cluster.release(name);
      await cluster.untilWhole(60_000);
    });
    const { leader } = await cluster.list();
    expect(BigInt(leader?.epoch ?? 0)).toBeGreaterThan(BigInt(before?.epoch ?? 0));
  });
});

/** Under load all the while: the store is spoilt, is distrusted for longer than a lease, and is repaired. */
async function refusedThenRepaired(spoil: () => void): Promise<void> {
  const { leader: before } = await cluster.untilWhole();
  const result = await withLedger(cluster, async () => {
    await stopEtcd();
    spoil();
    startEtcd();
    await until('every agent distrusts the store', WAIT_MS, async () => (await distrusting()) === 3);
    await sleep(OUTAGE_MS);
    expect(await distrusting()).toBe(3);
    const { stdout } = await cluster.cli('store', 'repair', '--yes', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ leader: before?.name, written: true });
    await cluster.untilWhole();
  });
  expect(result.errors).toBe(0);
  expect(result.outageMs).toBeLessThan(LONGEST_PAUSE_MS);
  const { leader } = await cluster.list();
  expect(leader?.name).toBe(before?.name);
  expect(BigInt(leader?.epoch ?? 0)).toBeGreaterThanOrEqual(BigInt(before?.epoch ?? 1));
  expect(await distrusting()).toBe(0);
}

/** How many agents say that the store has gone back. */
async function distrusting(): Promise<number> {
  const { nodes } = await cluster.list();
  return nodes.filter((node) => !('unreachable' in node) && node.alarms.some((alarm) => alarm.startsWith('PGB-1203'))).length;
}

function etcdDir(): string {
  const dir = join(cluster.dir, 'etcd', MEMBER);
  if (!existsSync(dir)) throw new Error(`${dir} is not there`);
  return dir;
}

async function stopEtcd(): Promise<void> {
  cluster.hold(MEMBER);
  const [pid = 0] = cluster.describe().etcd.pids;
  kill(pid, 'SIGKILL');
  await until('etcd is gone', WAIT_MS, () => !isAlive(pid));
}

function startEtcd(): void {
  cluster.release(MEMBER);
}
