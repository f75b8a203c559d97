/**
 * Freezer groups: a node's processes in one control group, so that all of them stop in the same instant, those too that are born meanwhile. It
 * works with the freezer of version 1 and with version 2. A frozen process does not even die of SIGKILL under version 1, so whoever stops a
 * cluster thaws its groups first.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { LocalPlan } from './plan.ts';

const ROOT = '/sys/fs/cgroup';
const SETTLED_BY_MS = 5_000;
const POLL_MS = 2;

/** The directory for a cluster's groups; null where this machine, or this user, has no freezer. It creates nothing. */
export function freezerFor(id: string): string | null {
  const version1 = join(ROOT, 'freezer');
  // Only a real controller has this file in every group but the root.
  if (existsSync(join(version1, 'cgroup.procs'))) return join(version1, `pgbaton-${id}`);
  return existsSync(join(ROOT, 'cgroup.controllers')) ? join(ROOT, `pgbaton-${id}`) : null;
}

export function groupOf(freezer: string, node: string): string {
  return join(freezer, node);
}

export function makeGroups(plan: LocalPlan): void {
  const { freezer } = plan;
  if (freezer === null) return;
  for (const { name } of plan.nodes) mkdirSync(groupOf(freezer, name), { recursive: true });
}

export async function freeze(group: string): Promise<void> {
  write(group, { version1: 'FROZEN', version2: '1' });
  await settled(group, 'FROZEN');
}

/** No error when the group is gone: there is nothing left to thaw. */
export async function thaw(group: string): Promise<void> {
  if (!existsSync(group)) return;
  write(group, { version1: 'THAWED', version2: '0' });
  await settled(group, 'THAWED');
}

export async function thawAll(plan: LocalPlan): Promise<void> {
  const { freezer } = plan;
  if (freezer === null) return;
  for (const { name } of plan.nodes) await thaw(groupOf(freezer, name));
}

/** After the last process has gone; the kernel may need a moment to notice. */
export async function removeGroups(plan: LocalPlan): Promise<void> {
  const { freezer } = plan;
  if (freezer === null) return;
  for (const dir of [...plan.nodes.map(({ name }) => groupOf(freezer, name)), freezer]) await removeGroup(dir);
}

async function removeGroup(dir: string): Promise<void> {
  const deadlineMs = monotonicMs() + SETTLED_BY_MS;
  for (;;) {
    try {
      rmdirSync(dir);
      return;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return;
      if (systemErrorCode(error) !== 'EBUSY' || monotonicMs() > deadlineMs) throw error;
    }
    await sleep(POLL_MS * 10);
  }
}

function isVersion1(group: string): boolean {
  return existsSync(join(group, 'freezer.state'));
}

function write(group: string, value: { readonly version1: string; readonly version2: string }): void {
  if (isVersion1(group)) writeFileSync(join(group, 'freezer.state'), value.version1);
  else writeFileSync(join(group, 'cgroup.freeze'), value.version2);
}

async function settled(group: string, wanted: 'FROZEN' | 'THAWED'): Promise<void> {
  const deadlineMs = monotonicMs() + SETTLED_BY_MS;
  while (stateOf(group) !== wanted) {
    if (monotonicMs() > deadlineMs) throw new Error(`${group} is not ${wanted.toLowerCase()} after ${String(SETTLED_BY_MS)} ms`);
    await sleep(POLL_MS);
  }
}

function stateOf(group: string): string {
  if (isVersion1(group)) return readFileSync(join(group, 'freezer.state'), 'utf8').trim();
  return /^frozen 1$/m.test(readFileSync(join(group, 'cgroup.events'), 'utf8')) ? 'FROZEN' : 'THAWED';
}
