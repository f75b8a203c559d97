/**
 * Clusters for trials: one at a time, of the shape a scenario needs, kept for the next trial as long as it is whole, and thrown away when it is
 * not. Whatever happens, the last one is taken down.
 */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, type Environment } from '../../cli/local/binaries.ts';
import { freezerFor } from '../../cli/local/freezer.ts';
import { layoutOf } from '../../cli/local/layout.ts';
import { readPlan } from '../../cli/local/plan-file.ts';
import { bringUp, makeDirectory, takeDown } from '../cluster/cluster-life.ts';
import type { Ground } from '../faults/ground.ts';
import { createLedgerTable } from '../ledger/read-rows.ts';
import type { Backend, Need, Scenario } from './scenario.ts';

export type Shape = {
  readonly backend: Backend;
  readonly etcdMembers: 1 | 3;
  readonly mode: Scenario['mode'];
  readonly disk: string;
};

/** A cluster and what it must remember from trial to trial. */
export class Cluster {
  readonly shape: Shape;
  readonly ground: Ground;
  #trials = 0;
  #rows = 0;

  constructor(shape: Shape, ground: Ground) {
    this.shape = shape;
    this.ground = ground;
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
  #dir: string | null = null;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  async clusterOf(shape: Shape): Promise<Cluster> {
    const present = this.#cluster;
    if (present !== null && isSame(present.shape, shape)) return present;
    await this.discard();
    const dir = makeDirectory('chaos');
    this.#dir = dir;
    const { env, onLine, signal } = this.#options;
    const { superuserUri } = await bringUp({ dir, options: optionsFor(shape), onLine, signal });
    const layout = layoutOf(dir);
    const plan = readPlan(layout);
    if (plan === null) throw new Error(`${layout.plan} is missing although the cluster is up`);
    onLine(`cluster ${plan.id} runs in ${dir}`);
    await createLedgerTable(superuserUri);
    const tools = { nft: toolOrNull('nft', env), strace: toolOrNull('strace', env) };
    const cluster = new Cluster(shape, { plan, layout, uri: superuserUri, tools });
    this.#cluster = cluster;
    return cluster;
  }

  /** The logs of every component, for somebody who wants to know why; of no interest once the cluster is gone. */
  saveLogs(into: string): void {
    if (this.#cluster === null) return;
    const { layout, plan } = this.#cluster.ground;
    cpSync(layout.logs, into, { recursive: true });
    for (const { name } of plan.nodes) {
      const ofServer = join(layout.stateDir(name), 'log');
      if (existsSync(ofServer)) cpSync(ofServer, join(into, `${name}-postgres`), { recursive: true });
    }
  }

  /** The next trial gets a new one. */
  async discard(): Promise<void> {
    const dir = this.#dir;
    this.#cluster = null;
    this.#dir = null;
    if (dir === null) return;
    await takeDown(dir, this.#options.keep);
    if (this.#options.keep) this.#options.onLine(`data and logs are in ${dir}`);
  }
}

/** Which of a scenario's needs this machine cannot meet. */
export function unmetNeeds({ needs }: Pick<Scenario, 'needs'>, backend: Backend, env: Environment): readonly string[] {
  const isRoot = process.getuid?.() === 0;
  const met: Readonly<Record<Need, boolean>> = {
    namespaces: backend === 'namespaces',
    nft: toolOrNull('nft', env) !== null,
    strace: toolOrNull('strace', env) !== null,
    freezer: isRoot && freezerFor('any') !== null,
    mounts: isRoot,
  };
  return needs.filter((need) => !met[need]);
}

/** Freezer groups wherever they can be had: one instant is a truer freeze than fifty signals. */
function optionsFor({ backend, etcdMembers, mode }: Shape): readonly string[] {
  const groups = process.getuid?.() === 0 && freezerFor('any') !== null ? ['--freezer'] : [];
  return ['--etcd-members', String(etcdMembers), '--mode', mode, ...(backend === 'namespaces' ? ['--namespaces'] : groups)];
}

export function isSame(one: Shape, other: Shape): boolean {
  return one.backend === other.backend && one.etcdMembers === other.etcdMembers && one.mode === other.mode && one.disk === other.disk;
}

function toolOrNull(name: string, env: Environment): string | null {
  try {
    return findTool(name, env);
  } catch {
    // Not there: whoever needs it is told by name.
    return null;
  }
}
