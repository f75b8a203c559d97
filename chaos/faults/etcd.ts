/**
 * What can befall etcd: a member that stands still, members that are gone, and a member whose disk makes it wait. Which member leads is asked of
 * etcd itself, at the moment when somebody wants to know.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { listProcesses, ID_VARIABLE } from '../../cli/local/processes.ts';
import { etcdEndpoints } from '../../cli/local/plan.ts';
import { httpJson } from '../../shared/http/client.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep, withDeadline } from '../../shared/runtime/deadline.ts';
import type { Fault } from './fault.ts';
import type { Field, Ground } from './ground.ts';
import { hold, release } from './hold.ts';
import { handleOf, isAlive, requireHandle, signalProcess } from './process-handle.ts';
import { stop } from './signals.ts';

const ASK_MS = 500;
const ATTACHED_WITHIN_MS = 5_000;
const DETACHED_WITHIN_MS = 15_000;
const DEAD_WITHIN_MS = 3_000;

const statusSchema = z.object({ header: z.object({ member_id: z.string() }), leader: z.string().default('0') });

/** The name of the member that leads, by its own word. Null when none says so. */
export async function etcdLeader({ plan }: Pick<Field, 'plan'>): Promise<string | null> {
  const answers = await Promise.all(
    etcdEndpoints(plan).map(async (endpoint) =>
      httpJson({ url: `${endpoint}/v3/maintenance/status`, method: 'POST', body: {}, timeoutMs: ASK_MS }),
    ),
  );
  const at = answers.findIndex((answer) => {
    const status = answer.kind === 'ok' ? statusSchema.safeParse(answer.body) : null;
    return status?.success === true && status.data.header.member_id === status.data.leader;
  });
  return plan.etcd[at]?.name ?? null;
}

export async function etcdIsWhole({ plan }: Pick<Field, 'plan'>): Promise<boolean> {
  const answers = await Promise.all(
    etcdEndpoints(plan).map(async (endpoint) => httpJson({ url: `${endpoint}/health`, timeoutMs: ASK_MS })),
  );
  return answers.every((answer) => answer.kind === 'ok' && answer.status === 200);
}

export function freezeEtcdMember(ground: Pick<Ground, 'plan'>, member: string): Fault {
  return stop(`the etcd member ${member}`, () => etcdPid(ground, member));
}

/** They die without a word, and stay down until healed. */
export function killEtcdMembers(ground: Pick<Ground, 'plan' | 'layout'>, members: readonly string[]): Fault {
  return {
    name: `kill etcd ${members.join(', ')}`,
    leaves: 'a wound',
    strike: async () => {
      for (const member of members) hold(ground.layout.dir, member);
      const handles = members.map((member) => requireHandle(etcdPid(ground, member), `the etcd member ${member}`));
      for (const handle of handles) signalProcess(handle, 'SIGKILL');
      const deadlineMs = monotonicMs() + DEAD_WITHIN_MS;
      while (handles.some(isAlive)) {
        if (monotonicMs() > deadlineMs) throw new Error('etcd survives SIGKILL');
        await sleep(5);
      }
      return `kill -9 of ${String(members.length)} etcd members`;
    },
    heal: async () => {
      for (const member of members) release(ground.layout.dir, member);
    },
  };
}

/** A delay that strikes at nothing, because the member writes nothing, would prove nothing. */
export type DelayedFsync = Fault & { readonly isFelt: () => boolean };

/** Every fsync of the member takes `delayMs` longer, from the moment strace has attached to it until it is told to leave. */
export function delayEtcdFsync(ground: Pick<Ground, 'plan' | 'tools'>, member: string, delayMs: number): DelayedFsync {
  let tracer: ChildProcess | null = null;
  let traced: number | null = null;
  return {
    name: `delay every fsync of etcd ${member} by ${String(delayMs)} ms`,
    leaves: 'a wound',
    strike: async () => {
      const { strace } = ground.tools;
      const { pid } = requireHandle(etcdPid(ground, member), `the etcd member ${member}`);
      if (strace === null) throw new Error('there is no strace');
      const inject = `inject=fsync,fdatasync:delay_enter=${String(delayMs)}ms`;
      tracer = spawn(strace, ['-f', '-qq', '-p', String(pid), '-e', 'trace=fsync,fdatasync', '-e', inject], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, [ID_VARIABLE]: ground.plan.id },
      });
      await untilTraced(tracer, pid);
      traced = pid;
      return `strace delays every fsync of ${member} (pid ${String(pid)}) by ${String(delayMs)} ms`;
    },
    heal: async () => {
      if (tracer !== null) await detach(tracer);
      tracer = null;
    },
    isFelt: () => traced !== null && isHeldInTrace(traced),
  };
}

/** The tracer holds a thread that wanted to fsync, and that thread stands in the state of one that is traced. */
function isHeldInTrace(pid: number): boolean {
  const tasks = `/proc/${String(pid)}/task`;
  return readdirSync(tasks).some((task) => /\) t /.test(textOf(`${tasks}/${task}/stat`)));
}

/** Attached means that the kernel says so of the main thread. */
async function untilTraced(tracer: ChildProcess, pid: number): Promise<void> {
  let told = '';
  if (tracer.stderr !== null) createInterface({ input: tracer.stderr }).on('line', (line) => (told = line));
  const deadlineMs = monotonicMs() + ATTACHED_WITHIN_MS;
  while (!isTraced(pid)) {
    if (tracer.exitCode !== null || monotonicMs() > deadlineMs) throw new Error(`strace did not attach to ${String(pid)}: ${told}`);
    await sleep(10);
  }
}

function isTraced(pid: number): boolean {
  return /^TracerPid:\s*[1-9]/m.test(textOf(`/proc/${String(pid)}/status`));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended meanwhile, which whoever waits for it finds out otherwise.
    return '';
  }
}

async function detach(tracer: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => tracer.once('exit', resolve));
  if (tracer.exitCode !== null || tracer.signalCode !== null) return;
  tracer.kill('SIGTERM');
  const outcome = await withDeadline(async () => ended, DETACHED_WITHIN_MS);
  if (outcome.kind !== 'done') tracer.kill('SIGKILL');
}

function etcdPid({ plan }: Pick<Ground, 'plan'>, member: string): number | null {
  const isMember = (argv: readonly string[]): boolean => argv.includes('--name') && argv[argv.indexOf('--name') + 1] === member;
  const found = listProcesses().find(({ clusterId, argv }) => clusterId === plan.id && isMember(argv));
  return found === undefined || handleOf(found.pid) === null ? null : found.pid;
}
