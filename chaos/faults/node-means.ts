/** What can be done to a whole node, whatever a node is: processes of this machine here, a container elsewhere. */
import { PROXY_NAME } from '../../cli/local/plan.ts';
import type { Fault } from './fault.ts';
import { freezeNode } from './freeze-node.ts';
import type { Ground } from './ground.ts';
import { killNode } from './kill-node.ts';
import { partition } from './partition.ts';

export type NodeMeans = {
  readonly killNode: (node: string) => Fault;
  readonly freezeNode: (node: string) => Fault;
  /** From everybody: the other nodes, etcd and the proxy. */
  readonly cutOffNode: (node: string) => Fault;
};

export function localMeans(ground: Ground): NodeMeans {
  const { nodes, etcd } = ground.plan;
  return {
    killNode: (node) => killNode(ground, node),
    freezeNode: (node) => freezeNode(ground, node),
    cutOffNode: (node) => {
      const others = nodes.map(({ name }) => name).filter((name) => name !== node);
      return partition(ground, { component: node, from: [...others, ...etcd.map(({ name }) => name), PROXY_NAME], direction: 'both' });
    },
  };
}
