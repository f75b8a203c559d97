/** The table of the report: a row for each scenario, with what is measured beside what is allowed. Pure. */
import type { Row } from '../report.ts';
import { figure, mustBeNone } from './figure.ts';
import { markup, type Content, type Markup } from './markup.ts';

type Column = { readonly heading: string; readonly cell: (row: Row, path: string) => Content };

const COLUMNS: readonly Column[] = [
  { heading: 'scenario', cell: ({ scenario }) => scenario },
  { heading: 'verdict', cell: ({ verdict }) => markup`<span class="verdict ${verdict}">${verdict}</span>` },
  { heading: 'N', cell: ({ n }, path) => figure(`${path}.n`, n) },
  { heading: 'outage, median ms', cell: ({ outageMs }, path) => figure(`${path}.outageMs.median`, outageMs?.median) },
  { heading: 'at worst, ms', cell: ({ outageMs }, path) => figure(`${path}.outageMs.max`, outageMs?.max) },
  { heading: 'allowed, median / worst', cell: allowed },
  { heading: 'new sessions, at worst ms', cell: ({ freshOutageMs }, path) => figure(`${path}.freshOutageMs.max`, freshOutageMs?.max) },
  { heading: 'client errors, median', cell: ({ clientErrors }, path) => figure(`${path}.clientErrors.median`, clientErrors?.median) },
  { heading: 'acknowledged', cell: ({ acknowledged }, path) => figure(`${path}.acknowledged`, acknowledged) },
  { heading: 'lost', cell: ({ lost }, path) => mustBeNone(`${path}.lost`, lost) },
  { heading: 'RPO ms', cell: ({ rpoMs }, path) => mustBeNone(`${path}.rpoMs`, rpoMs) },
  { heading: 'doubled', cell: ({ duplicated }, path) => mustBeNone(`${path}.duplicated`, duplicated) },
  { heading: 'phantom', cell: ({ phantom }, path) => mustBeNone(`${path}.phantom`, phantom) },
  { heading: 'split', cell: ({ split }, path) => mustBeNone(`${path}.split`, split) },
  { heading: 'failovers, median', cell: ({ failovers }, path) => figure(`${path}.failovers.median`, failovers?.median) },
  { heading: 'epochs, most', cell: ({ epochsRaised }, path) => figure(`${path}.epochsRaised.max`, epochsRaised?.max) },
  { heading: 'needless', cell: ({ needless }, path) => mustBeNone(`${path}.needless`, needless) },
  { heading: 'whole after, at worst ms', cell: ({ wholeAfterMs }, path) => figure(`${path}.wholeAfterMs.max`, wholeAfterMs?.max) },
];

export function summaryTable(rows: readonly Row[]): Markup {
  return markup`<div class="panel scroll"><table><thead><tr>${COLUMNS.map(({ heading }) => markup`<th>${heading}</th>`)}</tr></thead>
<tbody>${rows.map((row, at) => line(row, `rows.${String(at)}`))}</tbody></table></div>
<p class="quiet">Outage: the longest time without an acknowledged write, by writers that keep their session. RPO: how far back a loss reaches. * set by the scenario, no stated goal.</p>`;
}

function line(row: Row, path: string): Markup {
  return markup`<tr>${COLUMNS.map(({ cell }) => markup`<td>${cell(row, path)}</td>`)}</tr>
`;
}

function allowed({ bound }: Row, path: string): Content {
  if (bound === null) return '–';
  const { medianMs, maxMs, origin } = bound;
  return [figure(`${path}.bound.medianMs`, medianMs), ' / ', figure(`${path}.bound.maxMs`, maxMs), origin === 'own' ? ' *' : ''];
}
