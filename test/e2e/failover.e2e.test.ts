// The life of one cluster of three, fault after fault, with a ledger through the proxy. Between faults it must heal unaided.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { getPriority, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readRecording } from '../../agent/loop/recording.ts';
import { replay } from '../../chaos/replay/replay.ts';
import { isAlive } from '../../cli/local/processes.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { URGENT } from '../../shared/runtime/priority.ts';
import { kill, query, TestCluster, until, withLedger } from '../support/local-cluster.ts';

let cluster: TestCluster;
/** What every agent of this cluster is told and wants, in all its lives. */
const recordings = mkdtempSync(join(tmpdir(), 'pgbaton-e2e-recordings-'));

beforeAll(async () => {
  vi.stubEnv('PGBATON_RECORD', recordings);
  cluster = await TestCluster.up('failover');
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await cluster?.down();
  rmSync(recordings, { recursive: true, force: true });
});

/** Root of a container may not, for example. */
function mayRaise(): boolean {
  try {
    setPriority(URGENT);
    setPriority(0);
    return true;
  } catch {
    return false;
  }
}

async function others(): Promise<{ readonly leader: string; readonly standbys: readonly string[] }> {
  const listing = await cluster.untilWhole();
  const leader = listing.leader?.name ?? '';
  return { leader, standbys: listing.nodes.map((node) => node.name).filter((name) => name !== leader) };
}

describe('a local cluster of three', () => {
  test('has one primary, two streaming standbys, and checksums on after a bootstrap race of three', async () => {
    const listing = await cluster.untilWhole();
    expect(listing.primaries).toBe(1);
    expect(listing.streamingStandbys).toBe(2);
    expect(listing.leader?.members).toHaveLength(2);
    expect(listing.leader?.k).toBe(1);
    expect(await query(cluster.uri, 'SHOW data_checksums')).toEqual([{ data_checksums: 'on' }]);
    const [{ synchronous_standby_names: names } = {}] = await query(cluster.uri, 'SHOW synchronous_standby_names');
    expect(names).toMatch(/^ANY 1 \("n\d~[0-9a-f]{12}", ?"n\d~[0-9a-f]{12}"\)$/);
  });

  test('routes readers to standbys and writers to the primary', async () => {
    expect(await query(cluster.uri, 'SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: false }]);
    expect(await query(cluster.roUri, 'SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: true }]);
  });

  test('has three least-privilege control roles and no password in clear', async () => {
    const rows = await query(
      cluster.uri,
      "SELECT rolname, rolsuper, rolpassword LIKE 'SCRAM-SHA-256$%' AS scram FROM pg_authid WHERE rolname LIKE 'pgbaton%' ORDER BY 1",
    );
    expect(rows).toEqual(
      ['pgbaton_monitor', 'pgbaton_replication', 'pgbaton_rewind'].map((rolname) => ({ rolname, rolsuper: false, scram: true })),
    );
    const rules = await query(
      cluster.uri,
      "SELECT count(*)::int AS weak FROM pg_hba_file_rules WHERE auth_method IN ('trust', 'password', 'md5')",
    );
    expect(rules).toEqual([{ weak: 0 }]);
  });

  test('survives kill -9 of the postmaster without waiting for any lease, and loses nothing', async () => {
    const { leader } = await others();
    const result = await withLedger(cluster, async () => {
      kill((await cluster.status(leader)).pids.postmaster ?? 0, 'SIGKILL');
      await until('another leader serves', 10_000, async () => (await cluster.leader()) !== leader);
      await cluster.untilWhole();
    });
    // The budget proper (800 ms) is judged by the demo on a quiet machine; here it is told from a wait for suspicion or for the lease.
    expect(result.outageMs).toBeLessThan(2_000);
    expect(await cluster.leader()).not.toBe(leader);
  });

  test('survives the loss of the whole primary node long before its lease ends, and takes it back', async () => {
    const { leader } = await others();
    const result = await withLedger(cluster, async () => {
      await cluster.killNode(leader);
      await until('another leader serves', 15_000, async () => (await cluster.leader()) !== leader);
      await sleep(500);
    });
    expect(result.outageMs).toBeLessThan(5_000);
    cluster.release(leader);
    await cluster.untilWhole();
  });

  test('survives two failovers in a row', async () => {
    await withLedger(cluster, async () => {
      for (let round = 0; round < 2; round += 1) {
        const leader = await cluster.leader();
        kill((await cluster.status(leader)).pids.postmaster ?? 0, 'SIGKILL');
        await until('another leader serves', 10_000, async () => (await cluster.leader()) !== leader);
      }
      await cluster.untilWhole();
    });
  });

  test('moves to a chosen node by switchover', async () => {
    const { leader, standbys } = await others();
    const target = standbys[0] ?? '';
    const result = await withLedger(cluster, async () => {
      expect((await cluster.cli('switchover', '--to', target, '--yes')).code).toBe(0);
      await cluster.untilWhole();
    });
    expect(await cluster.leader()).toBe(target);
    expect(result.outageMs).toBeLessThan(3_000);
    expect((await cluster.status(leader)).postgres).toEqual({ kind: 'standby', streaming: true });
  });

  test('refuses a switchover to a node that does not exist, and to the leader itself, with a coded error', async () => {
    const { leader } = await others();
    expect((await cluster.cli('switchover', '--to', 'n9', '--yes')).code).not.toBe(0);
    expect((await cluster.cli('switchover', '--to', leader, '--yes')).code).toBe(3);
  });

  test('agents and guards go before the server, as far as they may', async () => {
    const { agent, guard, postmaster } = (await cluster.status(await cluster.leader())).pids;
    const own = getPriority();
    const urgent = own === 0 && mayRaise() ? URGENT : own;
    expect([agent, guard, postmaster].map((pid) => getPriority(pid ?? 0))).toEqual([urgent, urgent, own]);
  });

  test('restarting the leader’s agent touches PostgreSQL in no way', async () => {
    const { leader } = await others();
    const before = await cluster.status(leader);
    const result = await withLedger(cluster, async () => {
      kill(before.pids.agent, 'SIGKILL');
      await until('the agent is back', 10_000, async () => (await cluster.status(leader)).pids.agent !== before.pids.agent);
      await cluster.untilWhole();
    });
    const after = await cluster.status(leader);
    expect(after.pids.postmaster).toBe(before.pids.postmaster);
    expect(after.pids.guard).toBe(before.pids.guard);
    expect(await cluster.leader()).toBe(leader);
    expect(result.errors).toBe(0);
  });

  test('an agent that takes its PostgreSQL along hands over first, and stops it in order', async () => {
    await cluster.untilWhole();
    const leader = await cluster.leader();
    const { agent: before } = (await cluster.status(leader)).pids;
    appendFileSync(join(cluster.dir, `${leader}.yaml`), 'onTerm: stop\n');
    kill(before, 'SIGKILL');
    await until('the agent has read it', 20_000, async () => (await cluster.status(leader).catch(() => null))?.pids.agent !== before);
    await cluster.untilWhole();
    const { agent, postmaster } = (await cluster.status(leader)).pids;
    const result = await withLedger(cluster, async () => {
      cluster.hold(leader);
      kill(agent, 'SIGTERM');
      await until('the agent has ended', 30_000, async () => !isAlive(agent));
      expect(isAlive(postmaster ?? 0)).toBe(false);
      expect((await fresh(leader)) === leader).toBe(false);
    });
    expect(result.outageMs).toBeLessThan(2_000);
    expect(readFileSync(join(cluster.dir, 'log', `${leader}.log`), 'utf8')).toContain('departure.stopped');
    cluster.release(leader);
    await cluster.untilWhole();
  });

  test('the guard kills PostgreSQL when its agent is frozen past the deadline, and another takes over', async () => {
    const { leader } = await others();
    const before = await cluster.status(leader);
    await withLedger(cluster, async () => {
      kill(before.pids.agent, 'SIGSTOP');
      await until('PostgreSQL is dead', 8_000, async () => !isAlive(before.pids.postmaster ?? 0));
      await until('another leader serves', 10_000, async () => (await fresh(leader)) !== leader);
      kill(before.pids.agent, 'SIGCONT');
      await cluster.untilWhole();
    });
  });

  test('kill -9 of a guard ends in one primary and two streaming standbys', async () => {
    const { leader } = await others();
    await withLedger(cluster, async () => {
      kill((await cluster.status(leader)).pids.guard ?? 0, 'SIGKILL');
      await sleep(1_000);
      await cluster.untilWhole();
    });
  });

  test('a standby that lost its data clones itself again', async () => {
    const { standbys } = await others();
    const name = standbys[0] ?? '';
    const before = await cluster.status(name);
    await withLedger(cluster, async () => {
      await cluster.killNode(name);
      const { rmSync } = await import('node:fs');
      rmSync(before.dataDir, { recursive: true, force: true });
      cluster.release(name);
      await sleep(1_000);
      await cluster.untilWhole(60_000);
    });
    expect((await cluster.status(name)).member).not.toBe(before.member);
  });

  test('losing etcd for much longer than the lease costs nothing: no failover, no error, no long pause', async () => {
    await cluster.untilWhole();
    const leader = await cluster.leader();
    const result = await withLedger(cluster, async () => {
      const [pid = 0] = cluster.describe().etcd.pids;
      kill(pid, 'SIGSTOP');
      await sleep(12_000);
      kill(pid, 'SIGCONT');
      await cluster.untilWhole();
    });
    expect(await cluster.leader()).toBe(leader);
    expect(result.errors).toBe(0);
    expect(result.outageMs).toBeLessThan(2_000);
  });

  test('all that its agents went through, fed to the decisions again, makes them want the same', async () => {
    const { leader, standbys } = await others();
    const files = readdirSync(recordings);
    for (const name of [leader, ...standbys]) expect(files.some((file) => file.startsWith(`${name}-`))).toBe(true);
    let events = 0;
    for (const file of files) {
      const result = replay(readRecording(readFileSync(join(recordings, file))));
      expect({ file, result }).toMatchObject({ result: { kind: 'identical' } });
      if (result.kind === 'identical') events += result.events;
    }
    expect(events).toBeGreaterThan(1_000);
  });
});

/** The leader as a node other than the frozen one tells it. */
async function fresh(frozen: string): Promise<string> {
  const node = cluster.describe().nodes.find((one) => one.name !== frozen);
  const reply = await fetch(`${node?.agentUrl ?? ''}/cluster`, { signal: AbortSignal.timeout(3_000) });
  const body = (await reply.json()) as { leader: { name: string; state: string } | null };
  return body.leader?.state === 'serving' ? body.leader.name : frozen;
}
