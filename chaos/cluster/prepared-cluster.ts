/**
 * The files of a local cluster with settings of one's own, written before anything starts: `local up` then starts what it finds. It must never touch
 * the files of a cluster that runs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import type { Environment } from '../../cli/local/binaries.ts';
import type { Layout } from '../../cli/local/layout.ts';
import { makePlan, writeFiles, type LocalWishes } from '../../cli/local/plan-file.ts';
import type { LocalPlan } from '../../cli/local/plan.ts';

/** What an operator would write into a file, section by section; the rest of each section stays as it is. */
export type Sections = Readonly<Record<string, object>>;

/** `sectionsFor` may put more files into the directory. */
export async function prepareCluster(
  layout: Layout,
  wishes: LocalWishes,
  env: Environment,
  sectionsFor: (plan: LocalPlan) => { readonly node: Sections; readonly proxy: Sections },
): Promise<LocalPlan> {
  const plan = await makePlan(wishes, env, process.getuid?.() ?? -1);
  writeFiles(plan, layout);
  const { node, proxy } = sectionsFor(plan);
  for (const { name } of plan.nodes) changeSections(layout.nodeConfig(name), node);
  changeSections(layout.proxyConfig, proxy);
  return plan;
}

function changeSections(file: string, sections: Sections): void {
  const yaml = parse(readFileSync(file, 'utf8')) as Readonly<Record<string, object>>;
  const changed = Object.entries(sections).map(([name, section]) => [name, { ...yaml[name], ...section }]);
  writeFileSync(file, stringify({ ...yaml, ...Object.fromEntries(changed) }));
}
