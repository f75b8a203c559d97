// A switchover whose target stands still in the middle of it: the move is undone within the deadline of its stage, and the old leader goes on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kill, TestCluster, until, withLedger } from '../support/local-cluster.ts';

/** The stage deadline (5 s), the stop before it and the restart behind it, on a machine that has other things to do. */
const OUTAGE_MS_MAX = 12_000;
const SEEN_BY_MS = 30_000;

let cluster: TestCluster;
const frozen: number[] = [];

beforeAll(async () => {
  cluster = await TestCluster.up('abort');
});

afterEach(thaw);

afterAll(async () => {
  await cluster?.down();
});

describe('a switchover whose target stands still', () => {
  test('right after the request, agent and PostgreSQL: goes back to the old leader', async () => {
    const { leader, target } = await pair();
    const { pids } = await cluster.status(target);
    const result = await withLedger(cluster, async () => {
      await request(leader, target);
      freeze(pids.agent, pids.postmaster ?? 0);
      await untilAborted(leader);
      thaw();
      await cluster.untilWhole();
    });
    expect(result.outageMs).toBeLessThan(OUTAGE_MS_MAX);
    await expectUndone(leader, /did not report the final position in time/);
  });

  test('before its claim, because its replay hangs: goes back to the old leader', async () => {
    const { leader, target } = await pair();
    const postmaster = (await cluster.status(target)).pids.postmaster ?? 0;
    // It receives and acknowledges all that is sent, and its agent answers; only replay does not come to the end.
    freeze(postmaster, startupOf(postmaster));
    const client = new Client({ connectionString: cluster.uri });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    await client.connect();
    await client.query("set work_mem to '7MB'");
    await client.query('prepare one as select 1 as one');
    const result = await withLedger(cluster, async () => {
      const { code } = await cluster.cli('switchover', '--to', target, '--yes');
      expect(code).toBe(3);
      await untilAborted(leader);
      thaw();
      await cluster.untilWhole();
    });
    expect(result.outageMs).toBeLessThan(OUTAGE_MS_MAX);
    await expectUndone(leader, /did not claim in time/);
    // Its server was stopped and started again; the client waited, and is the same session as before.
    expect((await client.query('execute one')).rows).toEqual([{ one: 1 }]);
    expect((await client.query('show work_mem')).rows).toEqual([{ work_mem: '7MB' }]);
    expect(errors).toEqual([]);
    await client.end();
  });

  test('and once it moves again, the same switchover is done', async () => {
    const { target } = await pair();
    const result = await withLedger(cluster, async () => {
      expect((await cluster.cli('switchover', '--to', target, '--yes')).code).toBe(0);
      await cluster.untilWhole();
    });
    expect(result.outageMs).toBeLessThan(OUTAGE_MS_MAX / 4);
    expect(await cluster.leader()).toBe(target);
  });
});

async function pair(): Promise<{ readonly leader: string; readonly target: string }> {
  const listing = await cluster.untilWhole();
  const leader = listing.leader?.name ?? '';
  return { leader, target: listing.nodes.find(({ name }) => name !== leader)?.name ?? '' };
}

/** Not by the command line, which is too slow to be met in the middle. */
async function request(leader: string, target: string): Promise<void> {
  const token = readFileSync(join(cluster.dir, 'secrets', 'peer-token'), 'utf8').trim();
  const reply = await fetch(`${cluster.node(leader).agentUrl}/switchover`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: target }),
  });
  expect(reply.status).toBe(202);
}

/** Looked at through the command line, which is slow; how long clients waited the ledger knows better. */
async function untilAborted(leader: string): Promise<void> {
  await until('the old leader serves again', SEEN_BY_MS, async () => {
    const { operation, leader: now, nodes } = await cluster.list();
    const old = nodes.find(({ name }) => name === leader);
    return (
      operation?.stage === 'aborted' &&
      now?.name === leader &&
      now.state === 'serving' &&
      old !== undefined &&
      'healthy' in old &&
      old.healthy
    );
  });
}

async function expectUndone(leader: string, why: RegExp): Promise<void> {
  const { operation } = await cluster.list();
  expect(operation?.stage).toBe('aborted');
  expect(operation?.why).toMatch(why);
  expect(await cluster.leader()).toBe(leader);
}

function startupOf(postmaster: number): number {
  const children = readFileSync(`/proc/${String(postmaster)}/task/${String(postmaster)}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  const startup = children.find((pid) => readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes('startup'));
  if (startup === undefined) throw new Error(`the postmaster ${String(postmaster)} has no startup process`);
  return startup;
}

function freeze(...pids: readonly number[]): void {
  for (const pid of pids) {
    kill(pid, 'SIGSTOP');
    frozen.push(pid);
  }
}

function thaw(): void {
  for (const pid of frozen.splice(0)) kill(pid, 'SIGCONT');
}
