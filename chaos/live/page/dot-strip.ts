/** How long writes stood still in every trial of one scenario, a dot each, beside what is allowed. Pure. */
import type { ReportedTrial } from '../report.ts';
import type { Bound } from '../scenario.ts';
import { anchorAt, isLate, percent, ticks, type Span } from './axis.ts';
import { markup, type Markup } from './markup.ts';

/** `path`: where the trial stands in the report. */
export type PlacedTrial = { readonly path: string; readonly trial: ReportedTrial };

const LANES = 5;
const LANE_PX = 10;
const TOP_PX = 22;
const HEIGHT_PX = TOP_PX + LANES * LANE_PX + 26;
const ROOM = 1.08;
const TICKS = 8;

export function dotStrip(trials: readonly PlacedTrial[], bound: Bound | null): Markup {
  const lengths = trials.flatMap(({ trial }) => (trial.figures === null ? [] : [trial.figures.outage.lengthMs]));
  const span: Span = { from: 0, until: ROOM * Math.max(1, bound?.maxMs ?? 0, ...lengths) };
  return markup`<svg height="${HEIGHT_PX}" role="img" aria-label="time without an acknowledged write, per trial">
${axis(span)}${bounds(bound, span)}
${trials.map((one, at) => dot(one, { at, bound, span }))}</svg>`;
}

function axis(span: Span): Markup {
  const lines = ticks(span, TICKS).map((ms) => {
    const x = percent(ms, span);
    return markup`<line x1="${x}" x2="${x}" y1="${TOP_PX}" y2="${HEIGHT_PX - 16}"/><text x="${x}" y="${HEIGHT_PX - 3}" text-anchor="${anchorAt(ms, span)}">${ms} ms</text>`;
  });
  return markup`<g class="axis">${lines}</g>`;
}

function bounds(bound: Bound | null, span: Span): readonly Markup[] {
  if (bound === null) return [];
  const at = (ms: number, what: string, y: number): Markup => {
    const x = percent(ms, span);
    const [dx, anchor] = isLate(ms, span) ? [-4, 'end'] : [4, 'start'];
    return markup`<line class="bound" x1="${x}" x2="${x}" y1="4" y2="${HEIGHT_PX - 16}"/>
<text class="quiet" x="${x}" dx="${dx}" y="${y}" text-anchor="${anchor}">${what}</text>`;
  };
  return [
    ...(bound.medianMs === null ? [] : [at(bound.medianMs, 'median allowed', 12)]),
    at(bound.maxMs, 'at worst allowed', bound.medianMs === null ? 12 : 21),
  ];
}

type Placing = { readonly at: number; readonly bound: Bound | null; readonly span: Span };

/** Lanes only keep equal dots apart; they mean nothing. */
function dot({ path, trial: { trial, figures } }: PlacedTrial, { at, bound, span }: Placing): Markup {
  if (figures === null) return markup``;
  const { lengthMs, ended } = figures.outage;
  const isSlow = bound !== null && lengthMs > bound.maxMs;
  const kind = ended ? (isSlow ? 'dot slow' : 'dot') : 'dot open';
  const y = TOP_PX + LANE_PX / 2 + (at % LANES) * LANE_PX;
  return markup`<circle class="${kind}" cx="${percent(lengthMs, span)}" cy="${y}" r="4" data-dot="${path}.figures.outage.lengthMs" data-value="${lengthMs}">
<title>trial ${trial}: ${Math.round(lengthMs)} ms${ended ? '' : ', and not over when the observation ended'}</title></circle>`;
}
