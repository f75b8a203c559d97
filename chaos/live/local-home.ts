/** Trials on processes of this machine: a local cluster in a directory of its own. */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, type Environment } from '../../cli/local/binaries.ts';
import { freezerFor } from '../../cli/local/freezer.ts';
import { layoutOf } from '../../cli/local/layout.ts';
import { readPlan } from '../../cli/local/plan-file.ts';
import type { DurabilityMode } from '../../shared/domain/leader-record.ts';
import { bringUp, makeDirectory, takeDown } from '../cluster/cluster-life.ts';
import type { Ground } from '../faults/ground.ts';
import { localMeans } from '../faults/node-means.ts';
import type { Home, Raising, Site } from './site.ts';

export type LocalShape = { readonly namespaces: boolean; readonly etcdMembers: 1 | 3; readonly mode: DurabilityMode };

export class LocalHome implements Home {
  readonly where: string;
  readonly #shape: LocalShape;
  readonly #env: Environment;
  readonly #raising: Raising;

  constructor(shape: LocalShape, env: Environment, raising: Raising) {
    this.where = makeDirectory('chaos');
    this.#shape = shape;
    this.#env = env;
    this.#raising = raising;
  }

  async raise(): Promise<Site> {
    const { superuserUri } = await bringUp({ dir: this.where, options: optionsFor(this.#shape), ...this.#raising });
    const layout = layoutOf(this.where);
    const plan = readPlan(layout);
    if (plan === null) throw new Error(`${layout.plan} is missing although the cluster is up`);
    this.#raising.onLine(`cluster ${plan.id} runs in ${this.where}`);
    const tools = { nft: toolOrNull('nft', this.#env), strace: toolOrNull('strace', this.#env) };
    const ground: Ground = { plan, layout, uri: superuserUri, tools };
    return { field: ground, ground, means: localMeans(ground), doors: new Map(), saveLogs: async (into) => saveLogs(ground, into) };
  }

  async down(keep: boolean): Promise<void> {
    await takeDown(this.where, keep);
  }
}

async function saveLogs({ layout, plan }: Ground, into: string): Promise<void> {
  cpSync(layout.logs, into, { recursive: true });
  for (const { name } of plan.nodes) {
    const ofServer = join(layout.stateDir(name), 'log');
    if (existsSync(ofServer)) cpSync(ofServer, join(into, `${name}-postgres`), { recursive: true });
  }
}

/** Freezer groups wherever they can be had: one instant is a truer freeze than fifty signals. */
function optionsFor({ namespaces, etcdMembers, mode }: LocalShape): readonly string[] {
  const groups = process.getuid?.() === 0 && freezerFor('any') !== null ? ['--freezer'] : [];
  return ['--etcd-members', String(etcdMembers), '--mode', mode, ...(namespaces ? ['--namespaces'] : groups)];
}

export function toolOrNull(name: string, env: Environment): string | null {
  try {
    return findTool(name, env);
  } catch {
    // Not there: whoever needs it is told by name.
    return null;
  }
}
