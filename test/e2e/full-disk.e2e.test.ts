// Disks that fill, for real: small tmpfs mounts, so only where this process may mount. The error has its code, another node takes over, nothing is wiped.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemErrorCode } from '../../shared/errors.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { AgentProcess, makeBench, makeNode, removeBench, runToEnd } from '../support/agent-process.ts';
import { startEtcd, type EtcdCluster } from '../support/etcd.ts';
import { query, TestCluster, until, withLedger } from '../support/local-cluster.ts';

const MAY_MOUNT = mayMount();
const HEAL_BY_MS = 60_000;
/** Room for the node's data and a few segments of WAL. */
const ROOM_MIB = 160;

describe.runIf(MAY_MOUNT)('a full data directory', () => {
  let cluster: TestCluster;
  let mounted: string | null = null;

  beforeAll(async () => {
    cluster = await TestCluster.up('disk');
  });

  afterAll(async () => {
    await cluster?.cli('local', 'down');
    if (mounted !== null) execFileSync('umount', ['-l', mounted]);
    await cluster?.down();
  });

  test('of the leader: the error has its code, another node takes over, and the node comes back when there is room', async () => {
    await cluster.untilWhole();
    const leader = await cluster.leader();
    const nodeDir = join(cluster.dir, 'nodes', leader);
    await withLedger(cluster, async () => {
      await cluster.killNode(leader);
      await until('another leader serves', 15_000, async () => (await cluster.leader()) !== leader);
      moveOntoSmallDisk(nodeDir);
      mounted = nodeDir;
      cluster.release(leader);
      await cluster.untilWhole(HEAL_BY_MS);
      expect((await cluster.cli('switchover', '--to', leader, '--yes')).code).toBe(0);
      await cluster.untilWhole(HEAL_BY_MS);
    });
    expect(await cluster.leader()).toBe(leader);
    const filler = join(nodeDir, 'filler');
    await withLedger(cluster, async () => {
      fill(filler);
      await useUpWal(cluster.uri);
      await until('another leader serves', 30_000, async () => (await cluster.leader()) !== leader);
      await until('the full node says so', 15_000, async () =>
        (await cluster.status(leader)).alarms.some((alarm) => alarm.startsWith('PGB-1104')),
      );
      // Long enough for a rewind or a clone to have been tried.
      await sleep(5_000);
      expect(readdirSync(join(nodeDir, 'data'))).toContain('PG_VERSION');
      rmSync(filler);
      await cluster.untilWhole(HEAL_BY_MS);
    });
    expect((await cluster.status(leader)).alarms).toEqual([]);
  });
});

describe.runIf(MAY_MOUNT)('a full state directory', () => {
  let bench: string;
  let etcd: EtcdCluster;

  beforeAll(async () => {
    bench = makeBench();
    etcd = await startEtcd({ members: 1 });
  });

  afterAll(async () => {
    await etcd?.stop();
    if (bench !== undefined) removeBench(bench);
  });

  test('ends the agent at its start with PGB-1104, leaves no litter, and the agent starts when there is room', async () => {
    const files = await makeNode(bench, { etcd: etcd.urls });
    mkdirSync(files.stateDir);
    mountTmpfs(files.stateDir, 2);
    try {
      const filler = join(files.stateDir, 'filler');
      fill(filler);
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const { code, stderr } = await runToEnd(files);
        expect(code).toBe(1);
        expect(stderr).toContain('PGB-1104');
      }
      expect(readdirSync(files.stateDir).filter((name) => name.startsWith('node.pgbaton'))).toEqual([]);
      rmSync(filler);
      const agent = new AgentProcess(files);
      try {
        await agent.untilServing(30_000);
      } finally {
        await agent.stop();
      }
    } finally {
      execFileSync('umount', ['-l', files.stateDir]);
    }
  });
});

test.runIf(!MAY_MOUNT)('disks that fill are not tested: this process may not mount a tmpfs', () => {
  expect(MAY_MOUNT).toBe(false);
});

function mayMount(): boolean {
  const bench = makeBench();
  try {
    mountTmpfs(bench, 1);
    execFileSync('umount', [bench]);
    return true;
  } catch {
    // Not root, or root without the right to mount, as in most containers.
    return false;
  } finally {
    removeBench(bench);
  }
}

function mountTmpfs(dir: string, sizeMib: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(sizeMib)}m,mode=755`, 'tmpfs', dir], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The node's whole directory, data and state, on a disk that is only a little larger than it needs. */
function moveOntoSmallDisk(nodeDir: string): void {
  const kept = `${nodeDir}.kept`;
  renameSync(nodeDir, kept);
  mkdirSync(nodeDir);
  const [used = '0'] = execFileSync('du', ['-sm', kept], { encoding: 'utf8' }).split('\t');
  mountTmpfs(nodeDir, Number(used) + ROOM_MIB);
  execFileSync('cp', ['-a', `${kept}/.`, nodeDir]);
  rmSync(kept, { recursive: true });
}

/** Until the file system says that it is full. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

/** Segment after segment, until the server has no room for the next and ends. */
async function useUpWal(uri: string): Promise<void> {
  try {
    for (let segment = 0; segment < 64; segment += 1) await query(uri, 'SELECT pg_switch_wal(), txid_current()');
  } catch {
    // That is what was wanted: the server is gone in the middle of a statement.
    return;
  }
  throw new Error('the server found room for 64 segments on a full disk');
}
