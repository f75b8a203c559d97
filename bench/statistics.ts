/** Few rounds on a machine that is never quite still: medians, the largest and percentiles, and nothing that pretends to know more. Pure. */
export type Summary = { readonly n: number; readonly median: number; readonly max: number };

export function summarize(values: readonly number[]): Summary | null {
  const sorted = values.toSorted((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return null;
  const low = sorted[Math.ceil(sorted.length / 2) - 1] ?? max;
  const high = sorted[Math.floor(sorted.length / 2)] ?? max;
  return { n: sorted.length, median: (low + high) / 2, max };
}

/** The smallest value that at least this share (0 to 1) of all values does not exceed; null when there is none. */
export function percentile(sorted: ArrayLike<number>, share: number): number | null {
  if (sorted.length === 0) return null;
  const at = Math.ceil(sorted.length * share) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, at))] ?? null;
}

/**
 * What one of them does to the other, round by round: two measurements of the same round saw the same machine, two medians of many rounds may
 * have seen different ones. Rounds in which one of them is missing say nothing.
 */
export function pairUp(
  one: ReadonlyMap<number, number>,
  other: ReadonlyMap<number, number>,
  compare: (a: number, b: number) => number,
): readonly number[] {
  return [...one].flatMap(([round, a]) => {
    const b = other.get(round);
    return b === undefined ? [] : [compare(a, b)];
  });
}
