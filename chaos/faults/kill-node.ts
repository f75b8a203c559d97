/**
 * A whole node dies by SIGKILL: no handler runs, nobody says goodbye. It is killed from the outside in, agent first, so that no part of it can
 * report the death of another.
 */
import type { Layout } from '../../cli/local/layout.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';
import { hold, release } from './hold.ts';
import { processesOfNode } from './node-processes.ts';
import { handleOf, isAlive, signalProcess, type ProcessHandle } from './process-handle.ts';

const DEAD_WITHIN_MS = 3_000;

/** Healing switches the node on again. */
export function killNode({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return {
    name: `kill the node ${node}`,
    leaves: 'a wound',
    strike: async () => {
      hold(layout.dir, node);
      const count = await killProcesses(layout, node);
      return `kill -9 of all ${String(count)} processes of ${node}`;
    },
    heal: async () => {
      release(layout.dir, node);
    },
  };
}

async function killProcesses(layout: Layout, node: string): Promise<number> {
  const { agent, guard, postmaster, all } = processesOfNode(layout, node);
  if (agent === null || guard === null) throw new Error(`${node} was not well before it was killed`);
  const inOrder = [agent, guard, ...(postmaster === null ? [] : [postmaster])];
  const handles = [...inOrder, ...all.filter((pid) => !inOrder.includes(pid))].map(handleOf).filter((one) => one !== null);
  for (const handle of handles) signalProcess(handle, 'SIGKILL');
  await untilDead(layout, node, handles);
  return handles.length;
}

/** What was born between the look and the blow is killed as well. */
async function untilDead(layout: Layout, node: string, handles: readonly ProcessHandle[]): Promise<void> {
  const deadlineMs = monotonicMs() + DEAD_WITHIN_MS;
  for (;;) {
    const late = processesOfNode(layout, node)
      .all.map(handleOf)
      .filter((one) => one !== null);
    for (const handle of late) signalProcess(handle, 'SIGKILL');
    const left = [...handles, ...late].filter(isAlive);
    if (left.length === 0) return;
    if (monotonicMs() > deadlineMs) throw new Error(`processes ${left.map(({ pid }) => pid).join(', ')} survive SIGKILL`);
    await sleep(5);
  }
}
