/**
 * Clusters for trials: one at a time, of the shape a scenario needs, kept for the next trial as long as it is whole, and thrown away when it is
 * not. Whatever happens, the last one is taken down.
 */
import type { Environment } from '../../cli/local/binaries.ts';
import { freezerFor } from '../../cli/local/freezer.ts';
import { createLedgerTable } from '../ledger/read-rows.ts';
import { NotReached, throwIfInterrupted } from '../cluster/interrupted.ts';
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { ContainerHome, missingForContainers } from './container-home.ts';
import { LocalHome, toolOrNull } from './local-home.ts';
import type { Backend, Need, Scenario } from './scenario.ts';
import type { Home, Raising, Site } from './site.ts';

/** Containers run before the cluster in them has formed; a local cluster is there at once. */
const WRITABLE_WITHIN_MS = 120_000;
const POLL_MS = 200;

export type Shape = {
  readonly backend: Backend;
  readonly etcdMembers: 1 | 3;
  readonly mode: Scenario['mode'];
  readonly disk: string;
};

/** A cluster and what it must remember from trial to trial. */
export class Cluster {
  readonly shape: Shape;
  readonly site: Site;
  #trials = 0;
  #rows = 0;

  constructor(shape: Shape, site: Site) {
    this.shape = shape;
    this.site = site;
  }

  /** The writers of every trial have numbers of their own; this is which trial it is here, from 0. */
  beginTrial(): number {
    this.#trials += 1;
    return this.#trials - 1;
  }

  /** Rows that were there when an earlier trial ended. They were looked up then, and must be there for ever. */
  get rowsSoFar(): number {
    return this.#rows;
  }

  rememberRows(rows: number): void {
    this.#rows = rows;
  }
}

export type BenchOptions = {
  readonly env: Environment;
  readonly keep: boolean;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
};

export class Bench {
  readonly #options: BenchOptions;
  #cluster: Cluster | null = null;
  #home: Home | null = null;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  async clusterOf(shape: Shape): Promise<Cluster> {
    const present = this.#cluster;
    if (present !== null && isSame(present.shape, shape)) return present;
    await this.discard();
    const { onLine, signal } = this.#options;
    const home = homeFor(shape, this.#options.env, { onLine, signal });
    this.#home = home;
    const site = await home.raise();
    await untilWritable(site.field.uri, signal);
    const cluster = new Cluster(shape, site);
    this.#cluster = cluster;
    return cluster;
  }

  /** The logs of every component, for somebody who wants to know why; of no interest once the cluster is gone. */
  async saveLogs(into: string): Promise<void> {
    await this.#cluster?.site.saveLogs(into);
  }

  /** The next trial gets a new one. */
  async discard(): Promise<void> {
    const home = this.#home;
    this.#cluster = null;
    this.#home = null;
    if (home === null) return;
    await home.down(this.#options.keep);
    if (this.#options.keep) this.#options.onLine(`kept: ${home.where}`);
  }
}

function homeFor({ backend, etcdMembers, mode }: Shape, env: Environment, raising: Raising): Home {
  if (backend === 'containers') return new ContainerHome(raising);
  return new LocalHome({ namespaces: backend === 'namespaces', etcdMembers, mode }, env, raising);
}

async function untilWritable(uri: string, signal: AbortSignal): Promise<void> {
  const deadlineMs = monotonicMs() + WRITABLE_WITHIN_MS;
  for (;;) {
    throwIfInterrupted(signal);
    try {
      await createLedgerTable(uri);
      return;
    } catch (error) {
      if (monotonicMs() > deadlineMs) throw new NotReached(`the new cluster takes no writes: ${messageOf(error)}`);
    }
    await sleep(POLL_MS, signal);
  }
}

/** Which of a scenario's needs this machine cannot meet. */
export function unmetNeeds(
  { needs, onContainers }: Pick<Scenario, 'needs' | 'onContainers'>,
  backend: Backend,
  env: Environment,
): readonly string[] {
  if (backend === 'containers') return onContainers === null ? ['a local cluster'] : missingForContainers();
  const isRoot = process.getuid?.() === 0;
  const met: Readonly<Record<Need, boolean>> = {
    containers: false,
    namespaces: backend === 'namespaces',
    nft: toolOrNull('nft', env) !== null,
    strace: toolOrNull('strace', env) !== null,
    freezer: isRoot && freezerFor('any') !== null,
    mounts: isRoot,
  };
  return needs.filter((need) => !met[need]);
}

export function isSame(one: Shape, other: Shape): boolean {
  return one.backend === other.backend && one.etcdMembers === other.etcdMembers && one.mode === other.mode && one.disk === other.disk;
}
