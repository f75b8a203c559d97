/**
 * The report as one HTML file that needs nothing else: no network, no script. It is drawn from the very report that report.json is written from, and
 * computes no figure of its own. Pure.
 */
import { scenarioNamed } from '../catalogue.ts';
import type { Report, Row } from '../report.ts';
import { dotStrip, type PlacedTrial } from './dot-strip.ts';
import { figure } from './figure.ts';
import { markup, type Markup } from './markup.ts';
import { STYLE } from './style.ts';
import { summaryTable } from './summary-table.ts';
import { trialPanel } from './trial-panel.ts';
import { workloadTable } from './workload-table.ts';

/** So many courses can be taken in at once; of more, only those of failed trials are open. */
const OPEN_MAX = 12;

export function reportPage(report: Report): string {
  const { rows, notPlayed, verdict } = report;
  const placed = report.trials.map((trial, at): PlacedTrial => ({ path: `trials.${String(at)}`, trial }));
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>pgbaton chaos: ${verdict}, seed ${report.seed}</title><style>${STYLE}</style></head><body>
<div class="head"><h1>pgbaton chaos</h1><span class="verdict ${verdict}">${figure('verdict', verdict)}</span></div>
${particulars(report)}
${whatDidNotHold(rows)}
<h2>Scenarios</h2>${summaryTable(rows)}
${workloadTable(rows)}
${notPlayed.length === 0 ? '' : markup`<p>Not played:</p><ul>${notPlayed.map(({ scenario, why }) => markup`<li>${scenario}: ${why}</li>`)}</ul>`}
<h2>Time to recover, trial by trial</h2>
${rows.map((row, at) =>
  scenarioPanel(
    { row, path: `rows.${String(at)}` },
    placed.filter(({ trial }) => trial.scenario === row.scenario),
    placed.length <= OPEN_MAX,
  ),
)}
</body></html>
`.text;
}

function particulars({ seed, backend, repeat, interrupted, trials }: Report): Markup {
  return markup`<dl><dt>seed</dt><dd><code>${figure('seed', seed)}</code></dd>
<dt>backend</dt><dd>${backend}</dd>
<dt>trials</dt><dd>${figure('trials.length', trials.length)}${interrupted ? markup`, <span class="bad">interrupted: this is what was over by then</span>` : ''}</dd>
<dt>the same again</dt><dd><code>npm run chaos -- ${repeat}</code><br><code>pgbaton chaos ${repeat}</code></dd></dl>`;
}

function whatDidNotHold(rows: readonly Row[]): Markup {
  if (rows.length === 0) return markup`<p class="bad">Nothing was played, so nothing is proven.</p>`;
  const reasons = rows.flatMap((row) => row.reasons.map(({ text }) => markup`<li class="bad">${row.scenario}: ${text}</li>`));
  return reasons.length === 0 ? markup`` : markup`<h2>What did not hold</h2><ul>${reasons}</ul>`;
}

type PlacedRow = { readonly row: Row; readonly path: string };

function scenarioPanel({ row, path }: PlacedRow, trials: readonly PlacedTrial[], isOpen: boolean): Markup {
  const known = scenarioNamed(row.scenario);
  return markup`<section class="panel"><div class="head"><h3>${row.scenario}</h3><span class="verdict ${row.verdict}">${row.verdict}</span></div>
${known === null ? '' : markup`<p>${known.does}</p><p class="quiet">must hold: ${known.holds}; heals: ${known.heals}</p>`}
<p>median ${figure(`${path}.outageMs.median`, row.outageMs?.median)} ms, at worst ${figure(`${path}.outageMs.max`, row.outageMs?.max)} ms,
RPO ${figure(`${path}.rpoMs`, row.rpoMs)} ms</p>
${dotStrip(trials, row.bound)}
${trials.map((one) => trialPanel(one, isOpen || one.trial.reasons.length > 0))}</section>
`;
}
