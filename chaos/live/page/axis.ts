/** Where a value lies across a drawing, in percent of its width, and round numbers to label it with. Pure. */
export type Span = { readonly from: number; readonly until: number };

export function percent(value: number, span: Span): string {
  return `${(100 * Math.min(1, Math.max(0, shareOf(value, span)))).toFixed(3)}%`;
}

function shareOf(value: number, { from, until }: Span): number {
  return until > from ? (value - from) / (until - from) : 0;
}

/** So near the edge, half of a label in the middle would be cut off on a narrow page. */
const EDGE_SHARE = 0.1;

/** Which end of its label stands at a value, so that all of it is inside the drawing. */
export function anchorAt(value: number, span: Span): 'start' | 'middle' | 'end' {
  const share = shareOf(value, span);
  return share < EDGE_SHARE ? 'start' : share > 1 - EDGE_SHARE ? 'end' : 'middle';
}

/** In which half it lies; a long label goes towards the other one. */
export function isLate(value: number, span: Span): boolean {
  return shareOf(value, span) > 0.5;
}

/** So many that their labels do not touch: steps of 1, 2 or 5 times a power of ten. */
export function ticks({ from, until }: Span, about: number): readonly number[] {
  const rough = Math.max(1, (until - from) / about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(until / step) - first + 1) }, (_, at) => (first + at) * step);
}
