/** The faults of the race. Each is done to every product by the same command, except the switchover, which is asked for in the product's own words. */
import { docker } from '../../chaos/containers/docker.ts';
import { containerMeans } from '../../chaos/containers/container-faults.ts';
import { etcdLeader } from '../../chaos/faults/etcd.ts';
import type { Fault } from '../../chaos/faults/fault.ts';
import { between } from '../../chaos/live/dice.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Random } from '../../shared/runtime/random.ts';
import type { Contestant } from './contestants.ts';
import type { FaultName } from './course.ts';

const STALL_LEAST_MS = 1_000;
const STALL_MOST_MS = 5_000;
/** Both images keep it there. */
const POSTMASTER_PID = '/var/lib/pgbaton/data/postmaster.pid';

/** `hold`: how long it lasts before anybody waits for anything. */
export type Blow = { readonly fault: Fault; readonly isMoveDue: boolean; readonly hold: (signal: AbortSignal) => Promise<unknown> };

export function blowFor(name: FaultName, contestant: Contestant, leader: string, random: Random): Blow {
  const { project } = contestant;
  const means = containerMeans(project);
  const atOnce = async (): Promise<void> => undefined;
  switch (name) {
    case 'switchover':
      return { fault: passing(name, async () => contestant.switchover(leader)), isMoveDue: true, hold: atOnce };
    case 'postmaster-kill':
      // Patroni starts PostgreSQL again where it was, so nobody has to move.
      return { fault: passing(name, async () => killPostmaster(contestant, leader)), isMoveDue: false, hold: atOnce };
    case 'node-kill':
      return { fault: means.killNode(leader), isMoveDue: true, hold: atOnce };
    case 'partition':
      return { fault: means.cutOffNode(leader), isMoveDue: true, hold: atOnce };
    case 'etcd-leader-node-kill':
      return { fault: killWithEtcdLeader(contestant, leader), isMoveDue: true, hold: atOnce };
    case 'etcd-stall': {
      const ms = between(random, STALL_LEAST_MS, STALL_MOST_MS);
      return { fault: pauseEtcd(contestant), isMoveDue: false, hold: async (signal) => sleep(ms, signal) };
    }
  }
}

function passing(name: string, strike: () => Promise<void>): Fault {
  return {
    name,
    leaves: 'nothing',
    strike: async () => {
      await strike();
      return name;
    },
    heal: async () => undefined,
  };
}

async function killPostmaster({ project }: Contestant, leader: string): Promise<void> {
  await docker(['exec', await project.container(leader), 'sh', '-c', `kill -9 "$(head -n 1 ${POSTMASTER_PID})"`]);
}

function killWithEtcdLeader({ project, field }: Contestant, leader: string): Fault {
  const killed: string[] = [];
  return {
    name: 'kill the primary and the etcd member that leads',
    leaves: 'a wound',
    strike: async () => {
      const member = await etcdLeader(field);
      if (member === null) throw new Error('no etcd member says that it leads');
      killed.push(await project.container(leader), await project.container(member));
      await docker(['kill', '--signal', 'KILL', ...killed]);
      return `docker kill of ${leader} and ${member}`;
    },
    heal: async () => {
      if (killed.length > 0) await docker(['start', ...killed]);
    },
  };
}

function pauseEtcd({ project, field }: Contestant): Fault {
  const paused: string[] = [];
  return {
    name: 'pause every etcd member',
    leaves: 'a wound',
    strike: async () => {
      for (const { name } of field.plan.etcd) paused.push(await project.container(name));
      await docker(['pause', ...paused]);
      return 'docker pause of every etcd member';
    },
    heal: async () => {
      if (paused.length > 0) await docker(['unpause', ...paused.splice(0)]);
    },
  };
}
