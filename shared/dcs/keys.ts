/** The key layout in etcd, in one place (DESIGN: the records). */
import type { Epoch } from '../domain/epoch.ts';
import type { NodeName } from '../domain/node-id.ts';

export type Keys = {
  readonly prefix: string;
  readonly leader: string;
  readonly operation: string;
  /** Leased: who is running initdb at the moment. An optimisation; the create of `leader` decides. */
  readonly bootstrap: string;
  readonly nodes: string;
  readonly members: string;
  readonly proxies: string;
  readonly history: string;
  readonly node: (name: NodeName) => string;
  readonly member: (name: NodeName) => string;
  readonly proxy: (id: string) => string;
  readonly historyEntry: (epoch: Epoch) => string;
};

export function keysOf(cluster: string): Keys {
  const prefix = `/pgbaton/${cluster}/`;
  return {
    prefix,
    leader: `${prefix}leader`,
    operation: `${prefix}operation`,
    bootstrap: `${prefix}bootstrap`,
    nodes: `${prefix}nodes/`,
    members: `${prefix}members/`,
    proxies: `${prefix}proxies/`,
    history: `${prefix}history/`,
    node: (name) => `${prefix}nodes/${name}`,
    member: (name) => `${prefix}members/${name}`,
    proxy: (id) => `${prefix}proxies/${id}`,
    // Zero-padded, so that etcd's byte order is the order of epochs.
    historyEntry: (epoch) => `${prefix}history/${epoch.toString().padStart(20, '0')}`,
  };
}
