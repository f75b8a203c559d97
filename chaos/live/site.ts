/** Where trials take place: a cluster with all that clients, observers and faults need to know of it. Types only. */
import type { Field, Ground } from '../faults/ground.ts';
import type { NodeMeans } from '../faults/node-means.ts';

export type Site = {
  readonly field: Field;
  readonly means: NodeMeans;
  /** By the address that a server tells those who go past the proxy: the one that it tells everybody else. Empty: it has one only. */
  readonly doors: ReadonlyMap<string, string>;
  /** Null: its nodes are no processes that could be told apart from here. */
  readonly ground: Ground | null;
  readonly saveLogs: (into: string) => Promise<void>;
};

/** A cluster that is to be. `down` works at any time, also when `raise` came only halfway. */
export interface Home {
  raise(): Promise<Site>;
  /** `keep`: nothing runs any more, but data and logs can be looked at. */
  down(keep: boolean): Promise<void>;
  /** How to find what was kept. */
  readonly where: string;
}

export type Raising = { readonly onLine: (line: string) => void; readonly signal: AbortSignal };
