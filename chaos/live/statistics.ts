/** Few trials on a noisy machine: the count, the median and the worst are told, and nothing that pretends to know more. Pure. */
export type Summary = { readonly n: number; readonly median: number; readonly max: number };

export function summarize(values: readonly number[]): Summary | null {
  const sorted = values.toSorted((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return null;
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? max;
  const high = sorted[Math.floor(middle)] ?? max;
  return { n: sorted.length, median: Math.round((low + high) / 2), max: Math.round(max) };
}
