// A life of two nodes on a real PostgreSQL: made, cloned, followed, cut off, promoted to a reserved timeline, rewound. One story, told in steps,
// because every step is the precondition of the next.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBinDir } from '../../../../agent/postgres/context.ts';
import { beforePageHeader } from '../../../../agent/postgres/wal-file.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { parseLsn, type Lsn } from '../../../../shared/domain/lsn.ts';
import { STUB_HISTORY_LINE, timelineId } from '../../../../shared/domain/timeline.ts';
import { contains, extentPosition } from '../../../../shared/domain/wal-position.ts';
import { slotName } from '../../../../shared/domain/node-id.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import {
  clientOf,
  factsOf,
  followOf,
  makeNode,
  mayLead,
  NEVER,
  nodeFileOf,
  ok,
  SECRETS,
  type RealNode,
} from '../../../support/real-node.ts';
import { until } from '../../../support/until.ts';

let a: RealNode;
let b: RealNode;
let systemId = '';

beforeAll(async () => {
  [a, b] = await Promise.all([makeNode('a'), makeNode('b')]);
});

afterAll(async () => {
  await Promise.all([a.remove(), b.remove()]);
});

async function streaming(primary: RealNode, standby: RealNode): Promise<void> {
  await until(`${standby.name} streams from ${primary.name}`, 15_000, async () => {
    const { walSenders } = await factsOf(primary);
    return walSenders.some(({ applicationName, state }) => applicationName === standby.member && state === 'streaming');
  });
}

/** Where PostgreSQL's own reader finds nothing more. */
function endByWaldump({ dataDir }: RealNode, timeline: number): Lsn {
  const tool = (name: string, ...args: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(join(findBinDir(null), name), args, { encoding: 'utf8', env: { LC_ALL: 'C' } });
    return stdout + stderr;
  };
  const redo = /REDO location:\s+(\S+)/.exec(tool('pg_controldata', '-D', dataDir))?.[1] ?? '';
  const dump = tool('pg_waldump', '-q', '-t', String(timeline), '-p', join(dataDir, 'pg_wal'), '-s', redo);
  const end = parseLsn(/invalid record length at ([0-9A-F]+\/[0-9A-F]+)/.exec(dump)?.[1] ?? '');
  if (end === null) throw new Error(dump);
  return beforePageHeader(end, 16 * 1_048_576);
}

describe('the local PostgreSQL', () => {
  it('makes a data directory with roles and marker, stopped cleanly, and knows where its WAL ends', async () => {
    expect(await a.postgres.observe(2_000)).toEqual({ kind: 'absent' });
    const made = await a.postgres.initialize(a.member, NEVER);
    if (made.kind === 'failed') throw new Error(made.why);
    systemId = made.systemId;
    const state = await a.postgres.observe(2_000);
    expect(state).toMatchObject({ kind: 'stopped', systemId, wasPrimary: true, cleanly: true, marker: a.member });
    if (state.kind !== 'stopped' || state.extent === null) throw new Error('no extent');
    expect(extentPosition(state.extent)).toEqual(made.boundary);
  });

  it('is not started as a primary without a deadline, and not below its promise (I7, I11)', async () => {
    const start = { kind: 'primary', epoch: epoch(1n), inForce: { kind: 'placeholder' } } as const;
    await a.nodeFile.save(nodeFileOf(a, 1n), 2_000);
    expect(await a.postgres.start(start, NEVER)).toMatchObject({ kind: 'failed', code: 'PGB-1321' });
    await mayLead(a, 1n);
    await a.nodeFile.save(nodeFileOf(a, 2n), 2_000);
    expect(await a.postgres.start(start, NEVER)).toMatchObject({ kind: 'failed', code: 'PGB-1321' });
    expect(a.guard.status()?.postmaster.kind).toBe('none');
  });

  it('starts as a primary that only the control roles can reach, and holds commits while nobody is in the set', async () => {
    await a.nodeFile.save(nodeFileOf(a, 1n), 2_000);
    await ok(a.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'placeholder' } }, NEVER));
    expect(await factsOf(a)).toMatchObject({
      systemId,
      inRecovery: false,
      synchronousStandbyNames: 'ANY 1 ("pgbaton-none")',
      receiver: 'none',
      history: { timeline: 1, ancestors: [] },
    });
    expect(a.postgres.isOpen()).toBe(false);
    await expect(clientOf(a)).rejects.toThrow(/no pg_hba.conf entry/);
    await ok(a.postgres.setOpen(true, NEVER));
    await until('clients are let in', 2_000, async () =>
      clientOf(a).then(
        async (client) => client.end().then(() => true),
        () => false,
      ),
    );
  });

  it('lets commits through when the set is nobody, and proves it', async () => {
    await ok(a.postgres.writeSync({ kind: 'no-wait' }, NEVER));
    await ok(a.postgres.proveSync({ kind: 'no-wait' }, 2_000, NEVER));
    const client = await clientOf(a);
    await client.query('create table t (id int)');
    await client.query('insert into t select generate_series(1, 1000)');
    await client.end();
  });

  it('clones a standby through its slot, which then streams', async () => {
    await ok(b.postgres.clone({ source: followOf(a, b, 1n), member: b.member, systemId }, NEVER));
    expect(await b.postgres.observe(2_000)).toMatchObject({ kind: 'stopped', systemId, wasPrimary: false, marker: b.member });
    await b.nodeFile.save(nodeFileOf(b, 1n), 2_000);
    await ok(b.postgres.start({ kind: 'standby', follow: followOf(a, b, 1n), resting: { kind: 'placeholder' } }, NEVER));
    await streaming(a, b);
    await until('the standby says so too', 2_000, async () => (await factsOf(b)).receiver === 'streaming');
    expect((await factsOf(a)).physicalSlots).toEqual([slotName(b.member)]);
    expect(readFileSync(join(b.dataDir, 'postgresql.auto.conf'), 'utf8')).not.toMatch(/^primary_conninfo/m);
  });

  it('puts a set in force by way of FIRST, and commits wait for its member', async () => {
    const set = memberSet([b.member], 1);
    await ok(a.postgres.writeSync({ kind: 'first', set, generation: 1 }, NEVER));
    await ok(a.postgres.proveSync({ kind: 'first', set, generation: 1 }, 3_000, NEVER));
    expect((await factsOf(a)).walSenders[0]?.syncPriority).toBe(2);
    await ok(a.postgres.writeSync({ kind: 'any', set }, NEVER));
    await ok(a.postgres.proveSync({ kind: 'any', set }, 3_000, NEVER));
    expect((await factsOf(a)).walSenders[0]?.syncPriority).toBe(1);
    await ok(b.postgres.writeSync({ kind: 'any', set: memberSet([a.member], 1) }, NEVER));
    await ok(b.postgres.proveSync({ kind: 'any', set: memberSet([a.member], 1) }, 3_000, NEVER));
    const client = await clientOf(a);
    await client.query('insert into t values (2)');
    await client.end();
  });

  it('keeps slots on the standby and moves them along', async () => {
    await ok(a.postgres.keepSlots([slotName(b.member), 'pgbaton_c_000000000000'], NEVER));
    await ok(b.postgres.keepSlots(['pgbaton_c_000000000000'], NEVER));
    await ok(b.postgres.keepSlots(['pgbaton_c_000000000000'], NEVER));
    expect((await factsOf(b)).physicalSlots).toEqual(['pgbaton_c_000000000000']);
    await ok(a.postgres.keepSlots([slotName(b.member)], NEVER));
    expect((await factsOf(a)).physicalSlots).toEqual([slotName(b.member)]);
    await ok(b.postgres.keepSlots([], NEVER));
  });

  it('cuts the standby off within 200 ms, and then no commit is acknowledged any more', async () => {
    const client = await clientOf(a);
    const startedAtMs = monotonicMs();
    await ok(b.postgres.revoke(NEVER));
    expect(monotonicMs() - startedAtMs).toBeLessThan(200);
    expect((await factsOf(b)).receiver).toBe('none');
    let acknowledged = false;
    client.query('insert into t values (3)').then(
      () => (acknowledged = true),
      () => undefined,
    );
    await until('the commit is seen waiting', 3_000, async () => {
      const other = await clientOf(a);
      const { rows } = await other.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'");
      await other.end();
      return rows.length > 0;
    });
    expect(acknowledged).toBe(false);
    const cut = await b.postgres.position(NEVER);
    const { flushedLsn } = await factsOf(a);
    expect(cut?.history.timeline).toBe(1);
    expect(cut !== null && flushedLsn !== null && cut.lsn < flushedLsn).toBe(true);
    expect(
      readdirSync(b.runDir)
        .filter((name) => name.startsWith('pass-e'))
        .map((name) => readFileSync(join(b.runDir, name), 'utf8')),
    ).toEqual(['']);
  });

  it('is revoked again without harm, and follows again under a new epoch', async () => {
    await ok(b.postgres.revoke(NEVER));
    await ok(b.postgres.follow(followOf(a, b, 2n), NEVER));
    await streaming(a, b);
    expect(readdirSync(b.runDir).filter((name) => name.startsWith('pass-e'))).toEqual(['pass-e2']);
    await ok(b.postgres.revoke(NEVER));
  });

  it('knows the same boundary running, killed, and restarted', async () => {
    const running = await b.postgres.position(NEVER);
    await ok(b.postgres.kill(3_000));
    const stopped = await b.postgres.position(NEVER);
    if (running === null || stopped === null) throw new Error('no position');
    expect(contains(running, extentPosition(stopped))).toBe(true);
    await ok(b.postgres.start({ kind: 'standby', follow: null, resting: { kind: 'placeholder' } }, NEVER));
    expect(await b.postgres.position(NEVER)).toEqual(stopped);
  });

  it('is not promoted below its promise (I7)', async () => {
    await mayLead(b, 3n);
    await b.nodeFile.save(nodeFileOf(b, 4n), 2_000);
    expect(await b.postgres.promote({ epoch: epoch(3n), timeline: timelineId(5), noProgressMs: 3_000 }, NEVER)).toMatchObject({
      kind: 'failed',
      code: 'PGB-1321',
    });
    expect((await factsOf(b)).inRecovery).toBe(true);
  });

  it('comes up again although the refused promotion left stubs behind', async () => {
    expect(existsSync(join(b.dataDir, 'pg_wal', '00000004.history'))).toBe(true);
    expect(await b.postgres.stopFast(5_000, NEVER)).toMatchObject({ kind: 'done' });
    await ok(b.postgres.start({ kind: 'standby', follow: null, resting: { kind: 'any', set: memberSet([a.member], 1) } }, NEVER));
    expect(existsSync(join(b.dataDir, 'pg_wal', '00000004.history'))).toBe(false);
  });

  it('is promoted to the reserved timeline, which forks at its boundary (I5, I12)', async () => {
    // Written by the old primary after the cut: flushed there, acknowledged by nobody.
    const client = await clientOf(a);
    client.query('insert into t values (5)').catch(() => undefined);
    await until('the old primary has it, and waits', 3_000, async () => {
      const other = await clientOf(a);
      const { rows } = await other.query("select 1 from pg_stat_activity where wait_event = 'SyncRep' and query like '%(5)%'");
      await other.end();
      return rows.length > 0;
    });
    const before = await b.postgres.position(NEVER);
    await mayLead(b, 4n);
    const startedAtMs = monotonicMs();
    await ok(b.postgres.promote({ epoch: epoch(4n), timeline: timelineId(5), noProgressMs: 5_000 }, NEVER));
    expect(monotonicMs() - startedAtMs).toBeLessThan(2_000);
    const facts = await factsOf(b);
    expect(facts).toMatchObject({ inRecovery: false, history: { timeline: 5, ancestors: [{ timeline: 1, end: before?.lsn }] } });
    expect(readFileSync(join(b.dataDir, 'pg_wal', '00000003.history'), 'utf8')).toContain(STUB_HISTORY_LINE);
    expect(b.postgres.isOpen()).toBe(false);
    expect(b.guard.status()?.postmaster).toMatchObject({ kind: 'running', promoted: true });
  });

  it('rewinds the killed former primary, which then streams on the new timeline', async () => {
    await ok(a.postgres.kill(3_000));
    const old = await a.postgres.observe(3_000);
    expect(old).toMatchObject({ kind: 'stopped', wasPrimary: true, cleanly: false });
    await ok(b.postgres.keepSlots([slotName(a.member)], NEVER));
    // After a restart of the machine or of a container the recorded pid belongs to somebody else, often of the same user.
    const stranger = spawn('sleep', ['600'], { uid: statSync(a.dataDir).uid, stdio: 'ignore' });
    const pidFile = join(a.dataDir, 'postmaster.pid');
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(stranger.pid)));
    try {
      await ok(a.postgres.rewind({ source: followOf(b, a, 4n), member: a.member, fork: null }, NEVER));
    } finally {
      stranger.kill('SIGKILL');
    }
    const archives = readdirSync(join(a.stateDir, 'diverged'));
    expect(archives).toHaveLength(1);
    expect(readFileSync(join(a.stateDir, 'diverged', archives[0] ?? '', 'records.txt'), 'utf8')).toMatch(/rmgr: Heap .*INSERT/);
    expect(await a.postgres.observe(3_000)).toMatchObject({ kind: 'stopped', marker: a.member });
    await a.nodeFile.save(nodeFileOf(a, 4n), 2_000);
    await ok(a.postgres.start({ kind: 'standby', follow: followOf(b, a, 4n), resting: { kind: 'placeholder' } }, NEVER));
    await streaming(b, a);
    await until('it is on the new timeline', 5_000, async () => (await factsOf(a)).history.timeline === 5);
  });

  it('acknowledges through the new set; what was never acknowledged is gone', async () => {
    await ok(b.postgres.setOpen(true, NEVER));
    await until('clients are let in', 2_000, async () =>
      clientOf(b).then(
        async (client) => client.end().then(() => true),
        () => false,
      ),
    );
    const client = await clientOf(b);
    await client.query('insert into t values (4)');
    const { rows } = await client.query<{ id: number }>('select id from t where id in (2, 3, 4, 5) order by id');
    await client.end();
    const count = (wanted: number): number => rows.filter(({ id }) => id === wanted).length;
    // One of each is from the first thousand.
    expect([2, 3, 4, 5].map(count)).toEqual([2, 2, 2, 1]);
  });

  it('tells the end of the shutdown checkpoint after a fast stop, and the standby has all of it', async () => {
    const stop = await b.postgres.stopFast(10_000, NEVER);
    if (stop.kind === 'failed' || stop.final === null) throw new Error('no final position');
    const { final } = stop;
    expect(final.timeline).toBe(5);
    expect(final.lsn).toBe(endByWaldump(b, final.timeline));
    await until('the standby contains it', 3_000, async () => {
      const extent = await a.postgres.position(NEVER);
      return extent !== null && contains(extent, final);
    });
    expect(b.guard.status()?.postmaster).toMatchObject({ kind: 'exited', why: 'asked', verifiedDead: true, code: 0 });
  });

  it('leaves no secret in arguments, settings or logs', () => {
    const files = [
      join(a.stateDir, 'postgres', 'postgresql.conf'),
      join(a.stateDir, 'postgres', 'pg_hba.conf'),
      join(a.stateDir, 'log', 'postgres.log'),
      join(b.stateDir, 'log', 'postgres.log'),
      join(a.stateDir, 'log', 'guard.log'),
    ];
    for (const file of files) for (const secret of Object.values(SECRETS)) expect(readFileSync(file, 'utf8').includes(secret)).toBe(false);
  });
});
