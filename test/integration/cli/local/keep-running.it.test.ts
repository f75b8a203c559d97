/** Goal: what the supervisor starts stays up, except on hold, and can be stopped without the supervisor. Method: real etcd, real signals. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../../../cli/agent-client.ts';
import { findEtcd } from '../../../../cli/local/binaries.ts';
import { ownedBy, stopCluster } from '../../../../cli/local/down.ts';
import { keepRunning } from '../../../../cli/local/keep-running.ts';
import { layoutOf, type Layout } from '../../../../cli/local/layout.ts';
import { etcdEndpoints, HOST, type LocalPlan } from '../../../../cli/local/plan.ts';
import { choosePorts } from '../../../../cli/local/ports.ts';
import { isAlive } from '../../../../cli/local/processes.ts';
import { environmentFor, etcdPrograms } from '../../../../cli/local/programs.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';
import { sleep } from '../../../../shared/runtime/deadline.ts';

let layout: Layout;
let plan: LocalPlan;
let stop: AbortController;
let onHold: boolean;
let pid: number | null;

async function eventually(claim: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = monotonicMs() + 15_000;
  while (!(await holds())) {
    if (monotonicMs() > deadlineMs) throw new Error(`not in time: ${claim}`);
    await sleep(20);
  }
}

async function healthy(): Promise<boolean> {
  const reply = await ask({ url: `${etcdEndpoints(plan)[0] ?? ''}/health`, budgetMs: 500 });
  return reply.kind === 'answer' && reply.status === 200;
}

beforeEach(async () => {
  layout = layoutOf(mkdtempSync('/tmp/pgbaton-it-'));
  mkdirSync(layout.logs, { recursive: true });
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = await choosePorts(5);
  plan = {
    version: 1,
    id: Math.floor(Math.random() * 2 ** 40)
      .toString(16)
      .padStart(16, '0'),
    cluster: 'it',
    mode: 'quorum',
    osUser: null,
    postgresBinDir: '/nonexistent',
    etcdProgram: findEtcd(process.env),
    network: null,
    freezer: null,
    etcd: [{ name: 'e1', host: HOST, clientPort: a, peerPort: b }],
    nodes: [],
    proxy: { host: HOST, rwPort: c, roPort: d, apiPort: e },
  };
  stop = new AbortController();
  onHold = false;
  pid = null;
  const options = {
    restartAfterMs: 100,
    restartAtMostMs: 1_000,
    healthyAfterMs: 3_000,
    isOnHold: () => onHold,
    onPid: (_: string, now: number | null) => {
      pid = now;
    },
  };
  void keepRunning(etcdPrograms(plan, layout, environmentFor(plan, process.env)), options, stop.signal);
  await eventually('etcd is healthy', healthy);
});

afterEach(async () => {
  stop.abort();
  await stopCluster(plan, layout);
  rmSync(layout.dir, { recursive: true, force: true });
});

describe('a supervised program', () => {
  it('is started again when it is killed', async () => {
    const first = pid;
    expect(first).not.toBeNull();
    process.kill(first ?? 0, 'SIGKILL');
    await eventually('another pid', () => pid !== null && pid !== first);
    await eventually('etcd is healthy again', healthy);
  });

  it('stays down while it is on hold, and comes back after', async () => {
    const first = pid;
    onHold = true;
    process.kill(first ?? 0, 'SIGKILL');
    await eventually('its end is noticed', () => pid === null);
    // Several restart pauses long: on hold means not at all.
    await sleep(500);
    expect(pid).toBeNull();
    onHold = false;
    await eventually('it runs', () => pid !== null);
  });

  it('outlives its supervisor, and is found and stopped without any record of its pid', async () => {
    const last = pid ?? 0;
    stop.abort();
    expect(isAlive(last)).toBe(true);
    expect(ownedBy(plan, layout).map((one) => one.pid)).toContain(last);
    await stopCluster(plan, layout);
    expect(isAlive(last)).toBe(false);
    expect(ownedBy(plan, layout)).toEqual([]);
  });

  it('is stopped also when it is frozen', async () => {
    stop.abort();
    process.kill(pid ?? 0, 'SIGSTOP');
    await stopCluster(plan, layout);
    expect(ownedBy(plan, layout)).toEqual([]);
  });

  it('never takes a bystander along', async () => {
    writeFileSync(join(layout.dir, 'note'), '');
    const { spawn } = await import('node:child_process');
    const bystander = spawn('tail', ['-f', join(layout.dir, 'note')], { cwd: layout.dir, stdio: 'ignore' });
    try {
      stop.abort();
      await stopCluster(plan, layout);
      expect(isAlive(bystander.pid ?? 0)).toBe(true);
    } finally {
      bystander.kill('SIGKILL');
    }
  });
});
