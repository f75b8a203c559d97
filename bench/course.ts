/** What is compared with what: the ways to the server, the workloads, the order, and what one measurement consists of. Pure. */
import type { Latencies } from './pgbench-output.ts';

export const PROXIES = ['haproxy', 'pgbouncer', 'pgbaton'] as const;
export const WAYS = ['direct', ...PROXIES] as const;
export type ProxyName = (typeof PROXIES)[number];
export type WayName = (typeof WAYS)[number];

export const WORKLOADS = [
  { name: 'select, 1 client', kind: 'select', clients: 1 },
  { name: 'select, 16 clients', kind: 'select', clients: 16 },
  { name: 'select, 128 clients', kind: 'select', clients: 128 },
  { name: 'connect, 8 clients', kind: 'connect', clients: 8 },
  { name: 'COPY out', kind: 'copy', direction: 'out' },
  { name: 'COPY in', kind: 'copy', direction: 'in' },
] as const;
export type Workload = (typeof WORKLOADS)[number];
export type WorkloadName = Workload['name'];

export type PgbenchSample = {
  readonly kind: 'pgbench';
  readonly tps: number;
  readonly transactions: number;
  readonly failed: number;
  /** Null where pgbench's latencies leave out what counts. */
  readonly latencies: Latencies | null;
  readonly connectUs: number | null;
  /** Null for the direct way, which has no proxy. */
  readonly cpuUsPerTransaction: number | null;
};
export type CopySample = { readonly kind: 'copy'; readonly megabytesPerS: number; readonly cpuUsPerMegabyte: number | null };
export type Sample = PgbenchSample | CopySample;
export type Round = { readonly round: number; readonly way: WayName; readonly workload: WorkloadName; readonly sample: Sample };

export type IdleSample = {
  readonly proxy: ProxyName;
  readonly sessions: number;
  readonly rssBytesEmpty: number;
  readonly rssBytes: number;
};

/** Beside the sessions: listeners, logs, etcd, epoll. */
const FILES_BESIDE = 200;

/** How many sessions any proxy can have here: each takes two files. */
export function sessionsPossible(openFiles: number): number {
  return Math.floor((openFiles - FILES_BESIDE) / 2);
}

/** In odd rounds backwards, and every round begins with another one: whatever grows or wears off during a run meets all of them alike. */
export function orderOf<Item>(items: readonly Item[], round: number): readonly Item[] {
  const from = round % items.length;
  const turned = [...items.slice(from), ...items.slice(0, from)];
  return round % 2 === 0 ? turned : turned.toReversed();
}
