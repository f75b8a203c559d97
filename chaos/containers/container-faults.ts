/**
 * What befalls a whole node when the node is a container. The container is what a machine would be: it is killed, it stands still, or its network
 * cable is pulled, by the engine and from outside.
 */
import type { Fault } from '../faults/fault.ts';
import type { NodeMeans } from '../faults/node-means.ts';
import type { ComposeProject } from './compose-project.ts';
import { docker } from './docker.ts';

/** The engine's word for a container that is already in the state that healing leads to. */
const DONE_ALREADY = /is not paused|already exists in network|already connected/i;

export function containerMeans(project: ComposeProject): NodeMeans {
  return {
    killNode: (node) => wound(`kill the container of ${node}`, project, node, ['kill', '--signal', 'KILL'], (id) => ['start', id]),
    freezeNode: (node) => wound(`pause the container of ${node}`, project, node, ['pause'], (id) => ['unpause', id]),
    cutOffNode: (node) =>
      wound(`disconnect the container of ${node}`, project, node, ['network', 'disconnect', project.network], (id) => {
        const address = project.addresses.inside.get(node);
        if (address === undefined) throw new Error(`there is no node ${node}`);
        return ['network', 'connect', '--alias', node, '--ip', address, project.network, id];
      }),
  };
}

/** `docker …` does it and `docker …` undoes it, and undoing twice does no harm. */
function wound(
  name: string,
  project: ComposeProject,
  service: string,
  strike: readonly string[],
  heal: (container: string) => readonly string[],
): Fault {
  let container: string | null = null;
  return {
    name,
    leaves: 'a wound',
    strike: async () => {
      container = await project.container(service);
      await docker([...strike, container]);
      return `docker ${strike.join(' ')} of the container of ${service}`;
    },
    heal: async () => {
      if (container === null) return;
      try {
        await docker(heal(container));
      } catch (error) {
        if (!(error instanceof Error && DONE_ALREADY.test(error.message))) throw error;
      }
    },
  };
}
