/** What the checkers of the workloads found in one trial, every finding by name. Pure. */
import { FLAW_KINDS, FLAW_SAYS, type WorkloadVerdict } from '../../workload/workload.ts';
import { figure } from './figure.ts';
import { markup, type Markup } from './markup.ts';

/** More of a kind are there, and folded. */
const OPEN_MAX = 10;

export function workloadFlaws(workloads: readonly WorkloadVerdict[], path: string): readonly Markup[] {
  return workloads.flatMap(({ workload, flaws }, at) =>
    FLAW_KINDS.map((kind) => {
      const found = flaws[kind];
      const place = `${path}.workloads.${String(at)}.flaws.${kind}`;
      if (found.length === 0) return markup``;
      const heading = markup`<summary class="bad">${workload}: ${figure(`${place}.length`, found.length)} ${FLAW_SAYS[kind]}</summary>`;
      const items = found.map((what, number) => markup`<li>${figure(`${place}.${String(number)}`, what)}</li>`);
      return markup`<details class="flaws"${found.length > OPEN_MAX ? '' : ' open'}>${heading}<ul>${items}</ul></details>`;
    }),
  );
}
