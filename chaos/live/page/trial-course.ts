/**
 * The course of one trial as a drawing: faults, leaderships as clients saw them, and acknowledgements per bucket. The bars are drawn in units of the
 * data, so that what is drawn is what stands in the report. Pure.
 */
import type { Figures } from '../measure.ts';
import type { ReportedTrial } from '../report.ts';
import type { Leadership } from '../timeline.ts';
import { anchorAt, percent, ticks, type Span } from './axis.ts';
import { faultBars, type FaultBar } from './fault-lanes.ts';
import { markup, type Markup } from './markup.ts';

const LANE_PX = 18;
const ERA_PX = 20;
const WRITES_PX = 72;
const DIRECT_PX = 34;
const GAP_PX = 6;
/** Above the bars, for what the highest of them counts. */
const SCALE_PX = 13;
const AXIS_PX = 18;
const ERAS = 4;
const TICKS = 10;

export function trialCourse(path: string, { happenings }: Pick<ReportedTrial, 'happenings'>, { timeline }: Figures): Markup {
  const span: Span = { from: timeline.fromMs, until: timeline.fromMs + timeline.bucketMs * timeline.applications.length };
  const faults = faultBars(happenings, span);
  const eraY = LANE_PX * (1 + Math.max(-1, ...faults.map(({ lane }) => lane))) + GAP_PX;
  const writesY = eraY + ERA_PX + SCALE_PX;
  const directY = writesY + WRITES_PX + SCALE_PX;
  const axisY = directY + DIRECT_PX;
  const { fromMs, untilMs } = timeline.standstill;
  const quiet = { x: percent(fromMs, span), width: percent(span.from + untilMs - fromMs, span) };
  const zero = percent(0, span);
  return markup`<svg height="${axisY + AXIS_PX}" role="img" aria-label="faults, leaderships and acknowledged writes over time">
<rect class="outage" data-standstill="${fromMs} ${untilMs}" x="${quiet.x}" width="${quiet.width}" y="${writesY}" height="${axisY - writesY}"><title>the longest time without an acknowledged write</title></rect>
${axis(span, writesY, axisY)}
<line class="struck" x1="${zero}" x2="${zero}" y1="0" y2="${axisY}"/>
${faults.map((fault) => faultBar(fault, span))}
${timeline.leaderships.map((one, at) => era(one, { at, span, y: eraY, untilMs: timeline.leaderships[at + 1]?.afterFaultMs ?? span.until }))}
${bars({ path: `${path}.figures.timeline.applications`, counts: timeline.applications, kind: 'writes', y: writesY, height: WRITES_PX })}
${bars({ path: `${path}.figures.timeline.directly`, counts: timeline.directly, kind: 'direct', y: directY, height: DIRECT_PX })}</svg>`;
}

function axis(span: Span, top: number, bottom: number): Markup {
  const lines = ticks(span, TICKS).map((ms) => {
    const x = percent(ms, span);
    return markup`<line x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/><text x="${x}" y="${bottom + AXIS_PX - 4}" text-anchor="${anchorAt(ms, span)}">${ms / 1_000} s</text>`;
  });
  return markup`<g class="axis">${lines}</g>`;
}

function faultBar({ name, fromMs, untilMs, lasts, lane, isNamedBefore }: FaultBar, span: Span): Markup {
  const y = lane * LANE_PX;
  const x = percent(fromMs, span);
  const [dx, anchor] = isNamedBefore ? [-6, 'end'] : [6, 'start'];
  const what = lasts
    ? markup`<rect class="wound" x="${x}" width="${percent(span.from + untilMs - fromMs, span)}" y="${y + 1}" height="${LANE_PX - 3}"/>`
    : markup`<line class="struck" x1="${x}" x2="${x}" y1="${y}" y2="${y + LANE_PX}"/>`;
  return markup`<g>${what}<text x="${x}" dx="${dx}" y="${y + LANE_PX - 6}" text-anchor="${anchor}">${name}</text><title>${name}: ${fromMs} ms${lasts ? ` to ${String(untilMs)} ms` : ''}</title></g>`;
}

type EraPlace = { readonly at: number; readonly span: Span; readonly y: number; readonly untilMs: number };

/** A name that does not fit is cut off at the end of its leadership; the tooltip has all of it. */
function era({ afterFaultMs, timeline, server, epoch, holder }: Leadership, { at, span, y, untilMs }: EraPlace): Markup {
  const name = `${holder?.split('~')[0] ?? server}${epoch === null ? '' : `, epoch ${epoch}`}, timeline ${String(timeline)}`;
  const width = percent(span.from + untilMs - afterFaultMs, span);
  return markup`<svg x="${percent(afterFaultMs, span)}" width="${width}" y="${y}" height="${ERA_PX}">
<rect class="era-${at % ERAS}" width="100%" height="100%"/><text x="5" y="14">${name}</text>
<title>${name}, at ${server}: first acknowledgement at ${afterFaultMs} ms</title></svg>`;
}

type Bars = {
  readonly path: string;
  readonly counts: readonly number[];
  readonly kind: 'writes' | 'direct';
  readonly y: number;
  readonly height: number;
};

function bars({ path, counts, kind, y, height }: Bars): Markup {
  const most = Math.max(1, ...counts);
  const drawn = counts.map((count) => `V${String(count)}h1`).join('');
  return markup`<svg y="${y}" height="${height}" viewBox="0 0 ${counts.length} ${most}" preserveAspectRatio="none">
<path class="${kind}" transform="matrix(1 0 0 -1 0 ${most})" data-bars="${path}" d="M0 0${drawn}V0z"/></svg>
<line class="baseline" x1="0" x2="100%" y1="${y + height}" y2="${y + height}"/>
<text class="quiet" x="100%" y="${y - 2}" text-anchor="end">${most}</text>`;
}
