/**
 * A whole node stands still, as a virtual machine that is paused: agent, guard and every process of PostgreSQL at once, and nobody is told. With
 * a freezer group it is one instant; without one each process is stopped by a signal, again and again until none is left that runs.
 */
import { freeze, groupOf, thaw } from '../../cli/local/freezer.ts';
import type { Layout } from '../../cli/local/layout.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';
import { processesOfNode } from './node-processes.ts';
import { handleOf, signalProcess, type ProcessHandle } from './process-handle.ts';

const ALL_STOPPED_WITHIN_MS = 2_000;

export function freezeNode({ plan, layout }: Pick<Ground, 'plan' | 'layout'>, node: string): Fault {
  return plan.freezer === null ? stopEveryProcess(layout, node) : freezeGroup(groupOf(plan.freezer, node), node);
}

function freezeGroup(group: string, node: string): Fault {
  return {
    name: `freeze ${node}`,
    leaves: 'a wound',
    strike: async () => {
      await freeze(group);
      return `every process of ${node} is frozen`;
    },
    heal: async () => thaw(group),
  };
}

function stopEveryProcess(layout: Layout, node: string): Fault {
  const stopped = new Map<number, ProcessHandle>();
  return {
    name: `freeze ${node}`,
    leaves: 'a wound',
    strike: async () => {
      const deadlineMs = monotonicMs() + ALL_STOPPED_WITHIN_MS;
      for (let fresh = 1; fresh > 0;) {
        const handles = processesOfNode(layout, node)
          .all.filter((pid) => !stopped.has(pid))
          .map(handleOf)
          .filter((one) => one !== null);
        for (const handle of handles) if (signalProcess(handle, 'SIGSTOP')) stopped.set(handle.pid, handle);
        fresh = handles.length;
        if (monotonicMs() > deadlineMs) throw new Error(`${node} makes processes faster than they can be stopped`);
      }
      if (stopped.size === 0) throw new Error(`${node} has no process`);
      return `every process of ${node} is stopped (${String(stopped.size)} signals)`;
    },
    // Children before parents: a guard that wakes up first would see its children stopped and act on it.
    heal: async () => {
      for (const handle of [...stopped.values()].toReversed()) signalProcess(handle, 'SIGCONT');
      stopped.clear();
    },
  };
}
