// What PostgreSQL does to the unwary, met on purpose: paused replay, readers in the way, a promotion broken off, foreign directories.
import { chownSync, copyFileSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receiversOf } from '../../../../agent/postgres/receiver.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { clientOf, factsOf, followOf, makeNode, mayLead, NEVER, nodeFileOf, ok, type RealNode } from '../../../support/real-node.ts';
import { until } from '../../../support/until.ts';

let a: RealNode;
let b: RealNode;
let systemId = '';

beforeAll(async () => {
  [a, b] = await Promise.all([makeNode('a'), makeNode('b')]);
  const made = await a.postgres.initialize(a.member, NEVER);
  if (made.kind === 'failed') throw new Error(made.why);
  systemId = made.systemId;
  await mayLead(a, 1n);
  await ok(a.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'no-wait' } }, NEVER));
  await ok(a.postgres.setOpen(true, NEVER));
  await ok(b.postgres.clone({ source: followOf(a, b, 1n), member: b.member, systemId }, NEVER));
  await b.nodeFile.save(nodeFileOf(b, 1n), 2_000);
  await ok(b.postgres.start({ kind: 'standby', follow: followOf(a, b, 1n), resting: { kind: 'placeholder' } }, NEVER));
  await until('the standby streams', 10_000, async () => (await factsOf(b)).receiver === 'streaming');
});

afterAll(async () => {
  await Promise.all([a.remove(), b.remove()]);
});

function postmasterOf(node: RealNode): number {
  const postmaster = node.guard.status()?.postmaster;
  return postmaster?.kind === 'running' ? postmaster.pid : 0;
}

async function write(sql: string): Promise<void> {
  const client = await clientOf(a);
  await client.query(sql);
  await client.end();
}

async function received(): Promise<void> {
  await until('the standby has received everything', 5_000, async () => {
    const [{ receivedLsn }, { flushedLsn }] = [await factsOf(b), await factsOf(a)];
    return receivedLsn !== null && receivedLsn === flushedLsn;
  });
}

describe('cutting a standby off', () => {
  it('works while replay is paused, where a reload alone is ignored', async () => {
    const reader = await clientOf(b);
    await reader.query('select pg_wal_replay_pause()');
    await write('create table t as select generate_series(1, 20000) as id');
    await received();
    const startedAtMs = monotonicMs();
    await ok(b.postgres.revoke(NEVER));
    expect(monotonicMs() - startedAtMs).toBeLessThan(300);
    expect(receiversOf(postmasterOf(b))).toEqual([]);
    await reader.end();
  });

  it('leaves a position that counts what was received and not yet replayed', async () => {
    const position = await b.postgres.position(NEVER);
    const { replayedLsn, receivedLsn } = await factsOf(b);
    expect(position?.lsn).toBe(receivedLsn);
    expect(receivedLsn !== null && replayedLsn !== null && receivedLsn > replayedLsn).toBe(true);
  });
});

describe('leaving the empty list', () => {
  it('goes by way of the placeholder until a commit is seen waiting, even straight to a real set', async () => {
    const set = memberSet([b.member], 1);
    await ok(a.postgres.writeSync({ kind: 'any', set }, NEVER));
    await ok(a.postgres.proveSync({ kind: 'any', set }, 3_000, NEVER));
    const client = await clientOf(a);
    let acknowledged = false;
    client.query('insert into t values (0)').then(
      () => (acknowledged = true),
      () => undefined,
    );
    const endMs = monotonicMs() + 300;
    await until('some time has passed', 1_000, () => monotonicMs() > endMs);
    expect(acknowledged).toBe(false);
    await ok(a.postgres.writeSync({ kind: 'no-wait' }, NEVER));
    await ok(a.postgres.proveSync({ kind: 'no-wait' }, 3_000, NEVER));
    await until('the waiting commit is released', 3_000, () => acknowledged);
    await client.end();
  });

  it('is not proven while the file says something else than the server read', async () => {
    expect(await a.postgres.proveSync({ kind: 'placeholder' }, 200, NEVER)).toMatchObject({ kind: 'failed' });
  });
});

describe('a promotion', () => {
  it('is refused before anything is touched when its deadline is over', async () => {
    await mayLead(b, 2n, -1);
    expect(await b.postgres.promote({ epoch: epoch(2n), timeline: timelineId(2), noProgressMs: 2_000 }, NEVER)).toMatchObject({
      kind: 'failed',
      code: 'PGB-1321',
    });
    expect((await factsOf(b)).inRecovery).toBe(true);
  });

  it('resumes paused replay and throws out a reader that blocks it', async () => {
    // Back to following, with a reader's lock that replay of a TRUNCATE must wait for.
    await ok(b.postgres.follow(followOf(a, b, 1n), NEVER));
    await until('it streams again', 5_000, async () => (await factsOf(b)).receiver === 'streaming');
    await received();
    await until('it has replayed', 5_000, async () => (await factsOf(b)).replayIdle);
    const reader = await clientOf(b);
    await reader.query('begin');
    await reader.query('select count(*) from t');
    await write('truncate t');
    await received();
    await ok(b.postgres.revoke(NEVER));
    await mayLead(b, 2n);
    const startedAtMs = monotonicMs();
    await ok(b.postgres.promote({ epoch: epoch(2n), timeline: timelineId(2), noProgressMs: 5_000 }, NEVER));
    expect(monotonicMs() - startedAtMs).toBeLessThan(1_500);
    await expect(reader.query('select 1')).rejects.toThrow();
  });

  it('that is broken off half way leaves a directory that still knows its place', async () => {
    await ok(b.postgres.kill(2_000));
    const whole = await b.postgres.observe(3_000);
    if (whole.kind !== 'stopped' || whole.extent === null) throw new Error('no extent');
    expect(whole.extent.history.timeline).toBe(2);
    // The first segment of a timeline whose history file was never finished.
    const walDir = join(b.dataDir, 'pg_wal');
    const newest =
      readdirSync(walDir)
        .filter((name) => /^00000002[0-9A-F]{16}$/.test(name))
        .toSorted()[0] ?? '';
    copyFileSync(join(walDir, newest), join(walDir, newest.replace(/^00000002/, '00000007')));
    writeFileSync(join(walDir, '00000007.history'), '');
    const { uid, gid } = statSync(walDir);
    for (const name of readdirSync(walDir).filter((one) => one.startsWith('00000007'))) chownSync(join(walDir, name), uid, gid);
    expect(await b.postgres.observe(3_000)).toEqual(whole);
    await ok(b.postgres.start({ kind: 'standby', follow: null, resting: { kind: 'placeholder' } }, NEVER));
    expect(existsSync(join(walDir, '00000007.history'))).toBe(false);
    await until('it says where it is', 3_000, async () => (await factsOf(b)).history.timeline === 2);
    expect(await b.postgres.position(NEVER)).toEqual(whole.extent);
  });
});

describe('a directory', () => {
  it('is not cloned over while its server runs', async () => {
    expect(await b.postgres.clone({ source: followOf(a, b, 2n), member: b.member, systemId }, NEVER)).toMatchObject({
      kind: 'failed',
      code: 'PGB-1304',
    });
    expect(await b.postgres.discard(NEVER)).toMatchObject({ kind: 'failed', code: 'PGB-1304' });
  });

  it('of a node that was cut off in the middle of a clone is not started; a copy of another cluster is refused', async () => {
    await ok(b.postgres.kill(2_000));
    expect(await b.postgres.clone({ source: followOf(a, b, 2n), member: b.member, systemId: '1' }, NEVER)).toMatchObject({
      kind: 'failed',
      code: 'PGB-1301',
    });
    expect(existsSync(`${b.dataDir}.new`)).toBe(false);
    const gone = new AbortController();
    gone.abort();
    expect(await b.postgres.clone({ source: followOf(a, b, 2n), member: b.member, systemId }, gone.signal)).toMatchObject({
      kind: 'failed',
      code: 'PGB-1310',
    });
    expect(await b.postgres.observe(2_000)).toMatchObject({ kind: 'stopped', marker: b.member });
  });

  it('is discarded whole', async () => {
    await ok(b.postgres.discard(NEVER));
    expect(await b.postgres.observe(2_000)).toEqual({ kind: 'absent' });
    expect(existsSync(b.dataDir)).toBe(false);
  });

  it('without a marker is not started, because nobody would count its acknowledgements', async () => {
    await ok(b.postgres.clone({ source: followOf(a, b, 2n), member: b.member, systemId }, NEVER));
    rmSync(join(b.dataDir, 'pgbaton.member'));
    expect(await b.postgres.start({ kind: 'standby', follow: followOf(a, b, 2n), resting: { kind: 'placeholder' } }, NEVER)).toMatchObject({
      kind: 'failed',
      code: 'PGB-1106',
    });
  });

  it('is adopted after a clean stop only, with the control roles made and the data kept', async () => {
    await write('truncate t; insert into t values (42)');
    await ok(a.postgres.kill(2_000));
    expect(await a.postgres.adopt(a.member, NEVER)).toMatchObject({ kind: 'failed', code: 'PGB-1303' });
    await mayLead(a, 1n);
    await ok(a.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'no-wait' } }, NEVER));
    expect(await a.postgres.stopFast(5_000, NEVER)).toMatchObject({ kind: 'done' });
    const adopted = await a.postgres.adopt(b.member, NEVER);
    expect(adopted).toMatchObject({ kind: 'done', systemId });
    expect(await a.postgres.observe(2_000)).toMatchObject({ kind: 'stopped', wasPrimary: true, cleanly: true, marker: b.member });
    await ok(a.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'no-wait' } }, NEVER));
    await ok(a.postgres.setOpen(true, NEVER));
    await until('the data is there', 3_000, async () =>
      clientOf(a).then(
        async (client) => (await client.query('select id from t')).rows[0]?.id === 42,
        () => false,
      ),
    );
  });
});
