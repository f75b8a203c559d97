/** What became of the traffic beside the ledger: a row for each scenario and workload. Pure. */
import { FLAW_KINDS, FLAW_SAYS } from '../../workload/workload.ts';
import type { Row } from '../report.ts';
import type { WorkloadRow } from '../workload-rows.ts';
import { figure, mustBeNone } from './figure.ts';
import { markup, type Content, type Markup } from './markup.ts';

const HEADINGS = ['scenario', 'workload', 'acknowledged', 'unknown', 'unknown, and there', 'reads', 'not looked at', ...FLAW_KINDS];

/** Nothing where the ledger ran alone. */
export function workloadTable(rows: readonly Row[]): Markup {
  const lines = rows.flatMap(({ scenario, workloads }, at) =>
    workloads.map((one, which) => line(scenario, one, `rows.${String(at)}.workloads.${String(which)}`)),
  );
  if (lines.length === 0) return markup``;
  return markup`<h2>Beside the ledger</h2><div class="panel scroll"><table><thead><tr>${HEADINGS.map((heading) => markup`<th>${heading}</th>`)}</tr></thead>
<tbody>${lines}</tbody></table></div>
<p class="quiet">Transactions of all trials together. ${FLAW_KINDS.map((kind) => `${kind}: ${FLAW_SAYS[kind]}`).join('; ')}.</p>`;
}

function line(scenario: string, { workload, acknowledged, unknown, surfaced, reads, unread, flaws }: WorkloadRow, path: string): Markup {
  const cells: readonly Content[] = [
    scenario,
    workload,
    figure(`${path}.acknowledged`, acknowledged),
    figure(`${path}.unknown`, unknown),
    figure(`${path}.surfaced`, surfaced),
    figure(`${path}.reads`, reads),
    mustBeNone(`${path}.unread`, unread),
    ...FLAW_KINDS.map((kind) => mustBeNone(`${path}.flaws.${kind}`, flaws[kind])),
  ];
  return markup`<tr>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>
`;
}
