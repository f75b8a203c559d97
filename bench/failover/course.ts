/** What is compared: who, by which faults, in which order. Pure. */
import type { PeerSetting } from './peer-config.ts';

export const FAULTS = ['switchover', 'postmaster-kill', 'node-kill', 'partition', 'etcd-leader-node-kill', 'etcd-stall'] as const;
export type FaultName = (typeof FAULTS)[number];

/** Not part of a race: nothing is broken that anybody should have to fail over for. */
export const DEFAULT_FAULTS: readonly FaultName[] = FAULTS.filter((fault) => fault !== 'etcd-stall');

export const FAULT_WORDS: Readonly<Record<FaultName, string>> = {
  switchover: 'planned switchover, the cluster chooses to whom',
  'postmaster-kill': "kill -9 of the primary's postmaster",
  'node-kill': "docker kill of the primary's container",
  partition: "docker network disconnect of the primary's container",
  'etcd-leader-node-kill': 'docker kill of the primary and of the etcd member that leads, together: one machine that held both',
  'etcd-stall': 'docker pause of every etcd member for 1 to 5 s',
};

/** One that stands in the race: a product at one of its settings, with or without synchronous commits. */
export type Entrant = { readonly isSynchronous: boolean } & (
  | { readonly product: 'pgbaton' }
  | { readonly product: 'patroni'; readonly setting: PeerSetting }
);

export function nameOf(entrant: Entrant): string {
  const how = entrant.isSynchronous ? 'sync' : 'async';
  return entrant.product === 'pgbaton' ? `pgbaton ${how}` : `patroni ${entrant.setting} ${how}`;
}

export function entrantsFor(settings: readonly PeerSetting[], synchronous: readonly boolean[]): readonly Entrant[] {
  return synchronous.flatMap((isSynchronous): readonly Entrant[] => [
    { product: 'pgbaton', isSynchronous },
    ...settings.map((setting) => ({ product: 'patroni' as const, setting, isSynchronous })),
  ]);
}

export type Heat<Who> = { readonly trial: number; readonly fault: FaultName; readonly entrant: Who };

/** Everybody meets a fault before anybody meets the next one, and who goes first changes: a slow minute of the machine hits all alike. */
export function heatsOf<Who>(entrants: readonly Who[], faults: readonly FaultName[], trials: number): readonly Heat<Who>[] {
  return Array.from({ length: trials }, (_, at) => at + 1).flatMap((trial) =>
    faults.flatMap((fault, at) => {
      const first = (trial + at) % Math.max(1, entrants.length);
      return [...entrants.slice(first), ...entrants.slice(0, first)].map((entrant) => ({ trial, fault, entrant }));
    }),
  );
}
