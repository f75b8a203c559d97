// Read your writes over the read-only port, on a real cluster whose standbys stop replaying when the test says so.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { query, TestCluster } from '../support/local-cluster.ts';

const TOKEN_SQL = "SELECT substr(pg_walfile_name(lsn), 1, 8) || ':' || lsn AS token FROM pg_current_wal_insert_lsn() AS lsn";
const WRITES = 40;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.up('reads');
  await cluster.untilWhole();
  await query(cluster.uri, 'CREATE TABLE seen (id int primary key)');
});

afterAll(async () => {
  await cluster?.down();
});

async function write(id: number): Promise<string> {
  const [row] = await query(cluster.uri, `INSERT INTO seen VALUES (${String(id)}); ${TOKEN_SQL}`);
  return String(row?.['token']);
}

function readingAfter(token: string): string {
  return `${cluster.roUri}?options=${encodeURIComponent(`-c work_mem=2MB -c pgbaton.after=${token}`)}`;
}

async function read(uri: string, id: number): Promise<{ readonly sees: boolean; readonly standby: boolean; readonly tookMs: number }> {
  const startedAtMs = monotonicMs();
  const [row] = await query(
    uri,
    `SELECT (SELECT count(*) FROM seen WHERE id = ${String(id)})::int AS rows, pg_is_in_recovery() AS standby,
      current_setting('work_mem') AS memory, current_setting('pgbaton.after', true) AS leaked`,
  );
  expect([row?.['memory'], row?.['leaked']]).toEqual(['2MB', null]);
  return { sees: row?.['rows'] === 1, standby: row?.['standby'] === true, tookMs: monotonicMs() - startedAtMs };
}

async function standbys(): Promise<readonly string[]> {
  const leader = await cluster.leader();
  return cluster
    .describe()
    .nodes.map(({ name }) => name)
    .filter((name) => name !== leader);
}

async function atNode(name: string, sql: string): Promise<void> {
  const url = new URL(cluster.uri);
  url.port = String(cluster.node(name).pgPort);
  await query(url.toString(), sql);
}

describe('a session with a token', () => {
  test('sees the write that the token stands for, every time, on a standby', async () => {
    const reads = [];
    for (let id = 1; id <= WRITES; id += 1) reads.push(await read(readingAfter(await write(id)), id));
    expect(reads.filter(({ sees }) => !sees)).toEqual([]);
    const onStandby = reads.filter(({ standby }) => standby).length;
    const sorted = reads.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
    // Far below roWaitMs: nobody waited for an ordinary question to the agent.
    expect(sorted[WRITES / 2]).toBeLessThan(500);
    expect(onStandby).toBeGreaterThan(WRITES / 2);
  });

  test('gets the one standby that has it, and the leader when none has it', async () => {
    const [first = '', second = ''] = await standbys();
    await atNode(first, 'SELECT pg_wal_replay_pause()');
    try {
      const token = await write(1_001);
      for (let turn = 0; turn < 6; turn += 1) expect(await read(readingAfter(token), 1_001)).toMatchObject({ sees: true, standby: true });
      await atNode(second, 'SELECT pg_wal_replay_pause()');
      const later = await write(1_002);
      const one = await read(readingAfter(later), 1_002);
      expect(one).toMatchObject({ sees: true, standby: false });
      expect(one.tookMs).toBeGreaterThan(900);
    } finally {
      for (const name of [first, second]) await atNode(name, 'SELECT pg_wal_replay_resume()');
    }
  });

  test('taken before a switchover is honoured after it, on the new timeline', async () => {
    const token = await write(2_001);
    const before = await cluster.leader();
    expect((await cluster.cli('switchover', '--yes')).code).toBe(0);
    const listing = await cluster.untilWhole();
    expect(listing.leader?.name).not.toBe(before);
    expect(Number.parseInt(token.slice(0, 8), 16)).toBeLessThan(listing.leader?.timeline ?? 0);
    for (let turn = 0; turn < 4; turn += 1) expect((await read(readingAfter(token), 2_001)).sees).toBe(true);
    expect((await read(readingAfter(await write(2_002)), 2_002)).sees).toBe(true);
  });
});
