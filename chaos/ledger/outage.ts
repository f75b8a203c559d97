/**
 * How long writes stood still, as the clients saw it. Pure. The end of the observation counts as a gap too: a cluster that never came back
 * must not look like one that was never away.
 */
import type { Entry } from './entry.ts';

export type Gap = {
  /** Last acknowledgement before the standstill; the start of the observation when there was none. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly lengthMs: number;
  /** False: no acknowledgement ended it; it was still going on when the observation ended. */
  readonly ended: boolean;
};

export type Window = { readonly faultMs: number; readonly untilMs: number };

/**
 * The longest standstill that was not yet over at the fault. `acksMs` need not be sorted. The gap is counted from the last acknowledgement
 * *before* the fault, not from the fault: that is what a client waiting for its next answer experiences.
 */
export function longestGap(acksMs: readonly number[], { faultMs, untilMs }: Window): Gap {
  const sorted = acksMs.filter((at) => at <= untilMs).toSorted((a, b) => a - b);
  const before = sorted.findLast((at) => at <= faultMs) ?? faultMs;
  const after = sorted.filter((at) => at > faultMs);
  let longest: Gap | null = null;
  let fromMs = before;
  for (const toMs of after) {
    if (longest === null || toMs - fromMs > longest.lengthMs) longest = { fromMs, toMs, lengthMs: toMs - fromMs, ended: true };
    fromMs = toMs;
  }
  const tail: Gap = { fromMs, toMs: untilMs, lengthMs: untilMs - fromMs, ended: false };
  return longest === null || tail.lengthMs > longest.lengthMs ? tail : longest;
}

export function acknowledgedAtMs(entries: Iterable<Entry>): readonly number[] {
  return [...entries].filter(({ outcome }) => outcome === 'ok').map(({ endedMs }) => endedMs);
}

/** The longest gap of the unluckiest single writer: several writers together can hide one that stood still for longer. */
export function worstWriterGap(entries: Iterable<Entry>, window: Window): Gap | null {
  const byWriter = new Map<number, Entry[]>();
  for (const entry of entries) {
    const own = byWriter.get(entry.writer);
    if (own === undefined) byWriter.set(entry.writer, [entry]);
    else own.push(entry);
  }
  return [...byWriter.values()]
    .map((own) => longestGap(acknowledgedAtMs(own), window))
    .reduce<Gap | null>((worst, gap) => (worst === null || gap.lengthMs > worst.lengthMs ? gap : worst), null);
}
