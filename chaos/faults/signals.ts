/** Faults that are one signal to one process: SIGKILL, or SIGSTOP until healed. */
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';
import { clientBackends, processesOfNode, proxyProcess, serverProcess, walSenders } from './node-processes.ts';
import { handleOf, requireHandle, signalProcess, type ProcessHandle } from './process-handle.ts';

export function killPostmaster({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return kill(`the postmaster of ${node}`, () => processesOfNode(layout, node).postmaster);
}

export function killBackend({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return kill(`a client's backend on ${node}`, () => clientBackends(layout, node)[0] ?? null);
}

export function killAgent({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return kill(`the agent of ${node}`, () => processesOfNode(layout, node).agent);
}

export function killGuard({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return kill(`the guard of ${node}`, () => processesOfNode(layout, node).guard);
}

export function killProxy({ layout }: Pick<Ground, 'layout'>): Fault {
  return kill('the proxy', () => proxyProcess(layout));
}

export function stopProxy({ layout }: Pick<Ground, 'layout'>): Fault {
  return stop('the proxy', () => proxyProcess(layout));
}

/** The postmaster alone: its backends go on, but nobody new gets in. */
export function stopPostmaster({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return stop(`the postmaster of ${node}`, () => processesOfNode(layout, node).postmaster);
}

export function stopCheckpointer({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return stop(`the checkpointer of ${node}`, () => serverProcess(layout, node, 'checkpointer'));
}

export function stopAgent({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  return stop(`the agent of ${node}`, () => processesOfNode(layout, node).agent);
}

/** The standbys that are connected now get nothing more, and are not told so. Who connects later is served. */
export function stopWalSenders({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  const stopped: ProcessHandle[] = [];
  return {
    name: `stop the WAL senders of ${node}`,
    leaves: 'a wound',
    strike: async () => {
      const handles = walSenders(layout, node)
        .map(handleOf)
        .filter((one) => one !== null);
      if (handles.length === 0) throw new Error(`${node} sends no WAL`);
      for (const handle of handles) if (signalProcess(handle, 'SIGSTOP')) stopped.push(handle);
      return `kill -STOP ${stopped.map(({ pid }) => pid).join(' ')}: the WAL senders of ${node}`;
    },
    heal: async () => {
      for (const handle of stopped.splice(0)) signalProcess(handle, 'SIGCONT');
    },
  };
}

function kill(what: string, find: () => number | null): Fault {
  return {
    name: `kill ${what}`,
    leaves: 'nothing',
    strike: async () => {
      const handle = requireHandle(find(), what);
      signalProcess(handle, 'SIGKILL');
      return `kill -9 ${String(handle.pid)}: ${what}`;
    },
    // Whoever it was the child of starts it again, or does not.
    heal: async () => undefined,
  };
}

export function stop(what: string, find: () => number | null): Fault {
  let stopped: ProcessHandle | null = null;
  return {
    name: `stop ${what}`,
    leaves: 'a wound',
    strike: async () => {
      stopped = requireHandle(find(), what);
      signalProcess(stopped, 'SIGSTOP');
      return `kill -STOP ${String(stopped.pid)}: ${what}`;
    },
    heal: async () => {
      if (stopped !== null) signalProcess(stopped, 'SIGCONT');
      stopped = null;
    },
  };
}
