// The pulse of a real PostgreSQL: what a server that works, one that is full, and one that stands still answer to a stroke and a knock.
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { clientOf, factsOf, makeNode, mayLead, NEVER, nodeFileOf, ok, type RealNode } from '../../../support/real-node.ts';
import { until } from '../../../support/until.ts';

let node: RealNode;

beforeAll(async () => {
  node = await makeNode('pulse', { parameters: { max_connections: '12', superuser_reserved_connections: '2', shared_buffers: '16MB' } });
  const made = await node.postgres.initialize(node.member, NEVER);
  if (made.kind === 'failed') throw new Error(made.why);
  await node.nodeFile.save(nodeFileOf(node, 1n), 2_000);
  await mayLead(node, 1n);
  // Nobody acknowledges here: a stroke that waited for standbys would hang from the first.
  await ok(node.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'placeholder' } }, NEVER));
  await ok(node.postgres.setOpen(true, NEVER));
});

afterAll(async () => {
  await node.remove();
});

function postmasterPid(): number {
  const postmaster = node.guard.status()?.postmaster;
  if (postmaster?.kind !== 'running') throw new Error('no postmaster');
  return postmaster.pid;
}

it('a stroke is a commit of its own, durable here, while commits of others wait for standbys', async () => {
  const before = await factsOf(node);
  expect(await node.postgres.stroke(5_000)).toEqual({ kind: 'done' });
  const after = await factsOf(node);
  if (before.flushedLsn === null || after.flushedLsn === null) throw new Error('no position');
  expect(after.flushedLsn).toBeGreaterThan(before.flushedLsn);
});

it('a knock is answered', async () => {
  expect(await node.postgres.knock(5_000)).toBe('answered');
});

it('a postmaster that stands still answers no knock, while the stroke’s old session goes on', async () => {
  process.kill(postmasterPid(), 'SIGSTOP');
  try {
    const sinceMs = monotonicMs();
    expect(await node.postgres.knock(600)).toBe('silent');
    expect(monotonicMs() - sinceMs).toBeLessThan(3_000);
    expect(await node.postgres.stroke(5_000)).toEqual({ kind: 'done' });
  } finally {
    process.kill(postmasterPid(), 'SIGCONT');
  }
  await until('the postmaster answers again', 10_000, async () => (await node.postgres.knock(2_000)) === 'answered');
});

it('a stroke that hangs is waited for again, and not struck a second time', async () => {
  const backends = async (): Promise<readonly number[]> => {
    const client = await clientOf(node);
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and query like '%stroke%'",
    );
    await client.end();
    return rows.map(({ pid }) => pid);
  };
  const [backend, ...others] = await backends();
  expect(others).toEqual([]);
  if (backend === undefined) throw new Error('no backend has struck');
  process.kill(backend, 'SIGSTOP');
  try {
    expect(await node.postgres.stroke(300)).toMatchObject({ kind: 'failed', code: 'PGB-1330' });
    expect(await node.postgres.stroke(300)).toMatchObject({ kind: 'failed', code: 'PGB-1330' });
    expect(await backends()).toEqual([backend]);
  } finally {
    process.kill(backend, 'SIGCONT');
  }
  expect(await node.postgres.stroke(5_000)).toEqual({ kind: 'done' });
});

it('a server without room says so, which is an answer', async () => {
  const clients: pg.Client[] = [];
  try {
    for (;;) clients.push(await clientOf(node));
  } catch (error) {
    expect(error).toBeInstanceOf(pg.DatabaseError);
  }
  expect(await node.postgres.knock(5_000)).toBe('full');
  await Promise.all(clients.map(async (client) => client.end()));
  await until('there is room again', 10_000, async () => (await node.postgres.knock(2_000)) === 'answered');
});

it('a server that is gone is silent', async () => {
  await ok(node.postgres.kill(10_000));
  expect(await node.postgres.knock(1_000)).toBe('silent');
});
