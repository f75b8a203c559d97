/** The three faults of the demo. Each one does exactly what its title says, and nothing that would help the cluster. */
import { z } from 'zod';
import type { Fault } from './drill.ts';
import { runCli } from '../cluster/cluster-cli.ts';
import { pidsOf, type LocalCluster } from '../cluster/cluster-view.ts';
import { layoutOf } from '../../cli/local/layout.ts';
import { killNode } from '../faults/kill-node.ts';
import { killPostmaster } from '../faults/signals.ts';
import { phasesOfStages, type Handover } from './report-card.ts';
import type { Screen } from './screen.ts';

const nothing = async (): Promise<void> => undefined;

export function crash(cluster: LocalCluster): Fault {
  return {
    kind: 'crash',
    title: "Fault 1: kill -9 the primary's PostgreSQL",
    strike: async (leader) => killPostmaster({ layout: layoutOf(cluster.dir) }, leader.name).strike(),
    mend: nothing,
    phases: () => null,
  };
}

export function nodeLoss(cluster: LocalCluster, screen: Screen): Fault {
  const ground = { layout: layoutOf(cluster.dir) };
  return {
    kind: 'nodeLoss',
    title: 'Fault 2: kill the whole primary node',
    strike: async (leader) => {
      const pids = pidsOf(leader);
      await killNode(ground, leader.name).strike();
      return `kill -9 of agent ${String(pids.agent)}, guard ${String(pids.guard)}, postmaster ${String(pids.postmaster)} and all backends of ${leader.name}`;
    },
    mend: async (oldLeader) => {
      screen.line(`             ${oldLeader} is switched on again`, 'quiet');
      await killNode(ground, oldLeader).heal();
    },
    phases: () => null,
  };
}

const operationSchema = z.object({ stagesMs: z.record(z.string(), z.number()) });

export function switchover(cluster: LocalCluster, screen: Screen, signal: AbortSignal): Fault {
  let phases: Handover['phases'] = [];
  return {
    kind: 'switchover',
    title: 'Fault 3: a planned switchover under load',
    strike: async (leader) => {
      const answer = await runCli(['switchover', '--yes', '--dir', cluster.dir], {
        signal,
        onLine: (line) => {
          screen.line(`             ${line}`, 'quiet');
        },
      });
      phases = phasesOfStages(operationSchema.parse(answer).stagesMs);
      return `pgbaton switchover: ${leader.name} has handed over`;
    },
    mend: nothing,
    phases: () => phases,
  };
}
