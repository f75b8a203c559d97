/** Where a value lies across a drawing, in percent of its width, and round numbers to label it with. Pure. */
export type Span = { readonly from: number; readonly until: number };

export function percent(value: number, { from, until }: Span): string {
  const share = until > from ? (value - from) / (until - from) : 0;
  return `${(100 * Math.min(1, Math.max(0, share))).toFixed(3)}%`;
}

/** So many that their labels do not touch: steps of 1, 2 or 5 times a power of ten. */
export function ticks({ from, until }: Span, about: number): readonly number[] {
  const rough = Math.max(1, (until - from) / about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(until / step) - first + 1) }, (_, at) => (first + at) * step);
}
