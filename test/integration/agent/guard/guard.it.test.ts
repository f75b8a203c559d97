// The guard against a real PostgreSQL: whatever happens to it, to the agent or to the clock, a primary without a right dies, and nothing else does.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guardProcesses } from '../../../../agent/guard/guard-launch.ts';
import { isAlive, processesIn, realDirectory } from '../../../../agent/guard/process-tree.ts';
import { findBinDir } from '../../../../agent/postgres/context.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { clientOf, factsOf, makeNode, mayLead, NEVER, nodeFileOf, ok, type RealNode } from '../../../support/real-node.ts';
import { until } from '../../../support/until.ts';

const GUARD_PROGRAM = fileURLToPath(new URL('../../../../dist/agent/guard/main.js', import.meta.url));

let node: RealNode;

beforeEach(async () => {
  node = await makeNode('g', {}, 1_000);
  const made = await node.postgres.initialize(node.member, NEVER);
  if (made.kind === 'failed') throw new Error(made.why);
});

afterEach(async () => {
  await node.remove();
});

async function startPrimary(forMs = 600_000): Promise<void> {
  await mayLead(node, 1n, forMs);
  await ok(node.postgres.start({ kind: 'primary', epoch: epoch(1n), inForce: { kind: 'no-wait' } }, NEVER));
}

async function startStandby(): Promise<void> {
  await node.nodeFile.save(nodeFileOf(node, 1n), 2_000);
  await ok(node.postgres.start({ kind: 'standby', follow: null, resting: { kind: 'placeholder' } }, NEVER));
}

function postmasterPid(): number {
  const postmaster = node.guard.status()?.postmaster;
  if (postmaster?.kind !== 'running') throw new Error(`no postmaster: ${JSON.stringify(postmaster)}`);
  return postmaster.pid;
}

function guardPid(): number {
  const pid = node.guard.status()?.guardPid;
  if (pid === undefined) throw new Error('no guard');
  return pid;
}

function left(): readonly number[] {
  return processesIn(realDirectory(node.dataDir));
}

/** A backend that never looks at its death pipe: it must go all the same. */
async function busyBackend(): Promise<void> {
  await ok(node.postgres.setOpen(true, NEVER));
  await until('clients are let in', 2_000, async () =>
    clientOf(node).then(
      async (client) => client.end().then(() => true),
      () => false,
    ),
  );
  const client = await clientOf(node);
  client.query('select count(*) from generate_series(1, 2000000000)').catch(() => undefined);
}

describe('the guard', () => {
  it('takes every process of its server with it when it is killed, and a new guard begins with nothing', async () => {
    await startPrimary();
    await busyBackend();
    const killed = guardPid();
    process.kill(killed, 'SIGKILL');
    await until('no process is left', 1_000, () => left().length === 0);
    await until('a new guard is there', 5_000, () => (node.guard.status()?.guardPid ?? killed) !== killed);
    expect(node.guard.status()?.postmaster).toEqual({ kind: 'none' });
  });

  it('kills a primary at its deadline, verified, with no client served a moment later', async () => {
    const deadlineMs = monotonicMs() + 1_500;
    await startPrimary(1_500);
    await busyBackend();
    expect(left().length).toBeGreaterThan(3);
    await until('it is fenced and verified dead', 4_000, () => {
      const postmaster = node.guard.status()?.postmaster;
      return postmaster?.kind === 'exited' && postmaster.why === 'fenced' && postmaster.verifiedDead;
    });
    expect(left()).toEqual([]);
    const postmaster = node.guard.status()?.postmaster;
    expect(postmaster?.kind === 'exited' ? postmaster.atMs - deadlineMs : Number.NaN).toBeLessThan(300);
  });

  it('moves the deadline forward while it is fed, and ends the right at once when told', async () => {
    await startPrimary(700);
    const pid = postmasterPid();
    const fedUntilMs = monotonicMs() + 1_500;
    await until('the first deadlines are over', 3_000, async () => {
      await node.guard.request({ kind: 'deadline', epoch: '1', untilMs: monotonicMs() + 700 }, 1_000);
      return monotonicMs() > fedUntilMs;
    });
    expect(postmasterPid()).toBe(pid);
    expect(await node.guard.request({ kind: 'deadline', epoch: '0', untilMs: null }, 1_000)).toMatchObject({ kind: 'refused' });
    await node.guard.request({ kind: 'deadline', epoch: '1', untilMs: null }, 1_000);
    await until('it is gone', 500, () => left().length === 0);
  });

  it('leaves a standby alone whatever the deadline says', async () => {
    await startStandby();
    await node.guard.request({ kind: 'deadline', epoch: '1', untilMs: null }, 1_000);
    await node.guard.request({ kind: 'deadline', epoch: '2', untilMs: monotonicMs() + 50 }, 1_000);
    const overMs = monotonicMs() + 300;
    await until('the deadline is over', 2_000, () => monotonicMs() > overMs);
    expect((await factsOf(node)).inRecovery).toBe(true);
  });

  it('acts the moment it thaws, when its deadline passed while it was frozen', async () => {
    await startPrimary(1_000);
    const pid = guardPid();
    await node.guard.close();
    process.kill(pid, 'SIGSTOP');
    const overMs = monotonicMs() + 1_300;
    await until('the deadline is over', 3_000, () => monotonicMs() > overMs);
    // A stopped guard cannot act: this is what the agent is for, which is away here.
    expect(left().length).toBeGreaterThan(0);
    process.kill(pid, 'SIGCONT');
    await until('everything is gone', 500, () => left().length === 0);
  });

  it('hears of a postmaster that died while both its deadline and its own freeze were on', async () => {
    await startPrimary(800);
    const [guard, postmaster] = [guardPid(), postmasterPid()];
    process.kill(guard, 'SIGSTOP');
    const overMs = monotonicMs() + 1_000;
    await until('the deadline is over', 2_000, () => monotonicMs() > overMs);
    // Dead and not reaped: nothing is left to kill, yet the guard does not know.
    for (const pid of left()) process.kill(pid, 'SIGKILL');
    await until('nothing is alive', 1_000, () => !isAlive(postmaster) && left().filter(isAlive).length === 0);
    process.kill(guard, 'SIGCONT');
    await until('it says so', 1_000, () => {
      const seen = node.guard.status()?.postmaster;
      return seen?.kind === 'exited' && seen.verifiedDead;
    });
    expect(guardPid()).toBe(guard);
  });

  it('is replaced by the agent when it is frozen, and its server is ended', async () => {
    await startPrimary();
    const frozen = guardPid();
    process.kill(frozen, 'SIGSTOP');
    await until('another guard is there', 10_000, () => (node.guard.status()?.guardPid ?? frozen) !== frozen);
    expect(isAlive(frozen)).toBe(false);
    expect(left()).toEqual([]);
  });

  it('is bypassed by a kill order when it is frozen', async () => {
    await startPrimary();
    process.kill(guardPid(), 'SIGSTOP');
    await ok(node.postgres.kill(1_000));
    expect(left()).toEqual([]);
  });

  it('keeps the server running while the agent is away, and tells the next agent what is', async () => {
    await startPrimary();
    const pid = postmasterPid();
    await node.postgres.close();
    await node.guard.close();
    const next = node.reopen();
    await until('the next agent is connected', 3_000, () => next.guard.status() !== null);
    expect(next.guard.status()?.postmaster).toMatchObject({
      kind: 'running',
      pid,
      purpose: { kind: 'primary', epoch: '1' },
      promoted: false,
    });
    expect(await next.postgres.observe(1_000)).toMatchObject({ kind: 'running', facts: { inRecovery: false } });
    expect(next.postgres.isOpen()).toBe(false);
    await ok(next.postgres.kill(2_000));
    await next.postgres.close();
    await next.guard.close();
  });

  it('reports a crash of the postmaster at once, clears the rest away and says so', async () => {
    await startPrimary();
    await busyBackend();
    const killedAtMs = monotonicMs();
    process.kill(postmasterPid(), 'SIGKILL');
    await until('the exit is known', 500, () => node.guard.status()?.postmaster.kind === 'exited');
    const postmaster = node.guard.status()?.postmaster;
    expect(postmaster?.kind === 'exited' ? postmaster.atMs - killedAtMs : Number.NaN).toBeLessThan(200);
    await until('the rest is gone', 1_000, () => left().length === 0);
    await until('it is verified', 1_000, () => {
      const now = node.guard.status()?.postmaster;
      return now?.kind === 'exited' && now.verifiedDead && now.why === 'crashed';
    });
    // In place, over a stale postmaster.pid and socket.
    await startPrimary();
    expect((await factsOf(node)).inRecovery).toBe(false);
  });

  it('starts over a stale postmaster.pid that names a living stranger', async () => {
    await startStandby();
    await ok(node.postgres.kill(2_000));
    const file = join(node.dataDir, 'postmaster.pid');
    const text = existsSync(file) ? readFileSync(file, 'utf8') : `0\n${node.dataDir}\n`;
    writeFileSync(file, text.replace(/^\d+/, String(process.pid)));
    await startStandby();
    expect((await factsOf(node)).inRecovery).toBe(true);
  });

  it('does not start a standby whose directory would come up as a primary', async () => {
    await startStandby();
    expect(await node.postgres.stopFast(5_000, NEVER)).toMatchObject({ kind: 'done' });
    rmSync(join(node.dataDir, 'standby.signal'));
    expect(await node.guard.request({ kind: 'start', purpose: { kind: 'standby' }, argv: ['/bin/false'] }, 1_000)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/standby\.signal/),
    });
  });

  it('stops in order at SIGTERM', async () => {
    await startStandby();
    const pid = guardPid();
    await node.guard.close();
    process.kill(pid, 'SIGTERM');
    await until('guard and server are gone', 4_000, () => left().length === 0 && !isAlive(pid));
    const state = execFileSync(join(findBinDir(null), 'pg_controldata'), ['-D', node.dataDir], { encoding: 'utf8', env: { LC_ALL: 'C' } });
    expect(state).toMatch(/shut down in recovery/);
  });

  it('ignores hangup and interrupt', async () => {
    await startStandby();
    const pid = guardPid();
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.kill(pid, signal);
    expect(await node.guard.request({ kind: 'status' }, 1_000)).toMatchObject({ kind: 'ok', status: { guardPid: pid } });
    expect((await factsOf(node)).inRecovery).toBe(true);
  });

  it('ends by itself when there is nothing to guard and nobody asks', async () => {
    const pid = guardPid();
    await node.guard.close();
    await until('it is gone', 4_000, () => !isAlive(pid));
  });

  it('allows no second guard on its directory, whatever its socket', async () => {
    const second = spawn(
      process.execPath,
      [
        GUARD_PROGRAM,
        '--socket',
        join(node.runDir, 'other.sock'),
        '--data-dir',
        node.dataDir,
        '--node-file',
        join(node.stateDir, 'node.pgbaton'),
        '--log',
        join(node.stateDir, 'second.log'),
        '--os-user',
        'postgres',
      ],
      { stdio: 'ignore' },
    );
    const code = await new Promise<number | null>((resolve) => second.once('exit', resolve));
    expect(code).toBe(3);
    expect(guardProcesses(join(node.runDir, 'guard.sock'))).toEqual([guardPid()]);
  });
});
