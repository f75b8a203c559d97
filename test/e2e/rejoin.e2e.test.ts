// How a deposed primary comes back: its WAL goes on where nobody followed. It rewinds, after that tail has been archived; when it cannot, it clones.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPostgresBinDir } from '../../cli/local/binaries.ts';
import { kill, query, TestCluster, until, withLedger } from '../support/local-cluster.ts';

const ROWS = 500;
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.up('rejoin');
  await query(cluster.uri, 'CREATE TABLE tail (id integer, acknowledged boolean)');
});

afterAll(async () => {
  await cluster?.down();
});

describe('a deposed primary whose WAL went astray', () => {
  test('archives and lists its tail, rewinds, and follows; what nobody else had is gone, what was acknowledged is not', async () => {
    await cluster.untilWhole();
    const leader = await cluster.leader();
    const before = await cluster.status(leader);
    const clones = clonesOf(leader);
    await query(cluster.uri, `INSERT INTO tail SELECT id, true FROM generate_series(1, ${String(ROWS)}) AS id`);
    await withLedger(cluster, async () => {
      await writeToNobody(leader, `INSERT INTO tail SELECT id, false FROM generate_series(1, ${String(ROWS)}) AS id`);
      kill(before.pids.postmaster ?? 0, 'SIGKILL');
      await until('another leader serves', 15_000, async () => (await cluster.leader()) !== leader);
      await cluster.untilWhole();
    });
    expect(jobs(leader)).toContainEqual(expect.objectContaining({ job: 'rewind', msg: 'job done' }));
    expect(clonesOf(leader)).toBe(clones);
    expect(await counts(cluster.uri)).toEqual({ acknowledged: ROWS, tail: 0 });
    expect(await counts(uriOf(leader))).toEqual({ acknowledged: ROWS, tail: 0 });
    const after = await cluster.status(leader);
    expect(after.postgres).toEqual({ kind: 'standby', streaming: true });
    // Whoever rebuilt its data is somebody else (P1).
    expect(after.member).not.toBe(before.member);
    const [archive = '', ...more] = archives(leader);
    expect(more).toEqual([]);
    const kept = readdirSync(archive);
    expect(kept.filter((name) => /^[0-9A-F]{24}$/.test(name)).length).toBeGreaterThan(0);
    const list = readFileSync(join(archive, 'records.txt'), 'utf8');
    expect(list).toMatch(/^timeline \d+, from [0-9A-F/]+ to [0-9A-F/]+$/m);
    expect(list.split('\n').filter((line) => line.includes('rmgr: Heap') && /INSERT/.test(line)).length).toBeGreaterThan(ROWS / 2);
    expect(list).toMatch(/rmgr: Transaction .*COMMIT/);
  });

  test('clones when the WAL that a rewind needs is gone', async () => {
    await cluster.untilWhole();
    const leader = await cluster.leader();
    const { pids, dataDir } = await cluster.status(leader);
    await withLedger(cluster, async () => {
      const insert = `INSERT INTO tail SELECT id, false FROM generate_series(1, ${String(ROWS)}) AS id`;
      // Two segments and a checkpoint beyond the fork: the end can be read, the way back to the last common checkpoint cannot.
      await writeToNobody(leader, insert, 'SELECT pg_switch_wal()', insert, 'SELECT pg_switch_wal()', insert, 'CHECKPOINT');
      cluster.hold(leader);
      for (const pid of [pids.agent, pids.guard, pids.postmaster]) kill(pid ?? 0, 'SIGKILL');
      await until('another leader serves', 15_000, async () => (await cluster.leader()) !== leader);
      expect(removeWalBeforeCheckpoint(dataDir)).toBeGreaterThan(0);
      cluster.release(leader);
      await until(`${leader} is back`, 15_000, async () => (await cluster.status(leader)).pids.agent !== pids.agent);
      await cluster.untilWhole(45_000);
    });
    const done = jobs(leader);
    const failed = done.findIndex(({ job, msg }) => job === 'rewind' && msg === 'job failed');
    expect(done[failed]).toMatchObject({ code: 'PGB-1311' });
    expect(done.slice(failed).some(({ job, msg }) => job === 'clone' && msg === 'job done')).toBe(true);
    expect(await counts(uriOf(leader))).toEqual({ acknowledged: ROWS, tail: 0 });
    expect(archives(leader).length).toBeGreaterThan(0);
  });
});

/** Freezes everything that carries WAL away, then commits without waiting for anybody. The senders stay frozen: they die with their server. */
async function writeToNobody(name: string, ...statements: readonly string[]): Promise<void> {
  const uri = uriOf(name);
  const senders = await query(uri, 'SELECT pid FROM pg_stat_replication');
  expect(senders).toHaveLength(2);
  for (const { pid } of senders) kill(Number(pid), 'SIGSTOP');
  for (const statement of statements) await query(`${uri}?options=${encodeURIComponent('-c synchronous_commit=local')}`, statement);
}

function uriOf(name: string): string {
  const url = new URL(cluster.uri);
  url.port = String(cluster.node(name).pgPort);
  return url.toString();
}

async function counts(uri: string): Promise<Record<string, unknown>> {
  const [row = {}] = await query(
    uri,
    'SELECT count(*) FILTER (WHERE acknowledged)::int AS acknowledged, count(*) FILTER (WHERE NOT acknowledged)::int AS tail FROM tail',
  );
  return row;
}

type LogLine = { readonly msg?: string; readonly job?: string; readonly code?: string };

function jobs(name: string): readonly LogLine[] {
  const lines = readFileSync(join(cluster.dir, 'log', `${name}.log`), 'utf8').split('\n');
  return lines.flatMap((line) => (line.startsWith('{') && line.includes('"job"') ? [JSON.parse(line) as LogLine] : []));
}

function clonesOf(name: string): number {
  return jobs(name).filter(({ job, msg }) => job === 'clone' && msg === 'job done').length;
}

function archives(name: string): readonly string[] {
  const dir = join(cluster.dir, 'nodes', name, 'state', 'diverged');
  return existsSync(dir) ? readdirSync(dir).map((one) => join(dir, one)) : [];
}

function removeWalBeforeCheckpoint(dataDir: string): number {
  const control = execFileSync(join(findPostgresBinDir(process.env), 'pg_controldata'), ['-D', dataDir], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  });
  const first = /REDO WAL file:\s+([0-9A-F]{24})/.exec(control)?.[1];
  if (first === undefined) throw new Error(control);
  const wal = join(dataDir, 'pg_wal');
  const doomed = readdirSync(wal).filter((name) => /^[0-9A-F]{24}$/.test(name) && name.slice(8) < first.slice(8));
  for (const name of doomed) rmSync(join(wal, name));
  return doomed.length;
}
