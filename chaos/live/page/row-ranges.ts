/** Rows by writer, runs of numbers drawn together: `0: 5-9, 12`. Complete, also where thousands are lost. Pure. */
import type { Row } from '../../ledger/entry.ts';

export function rowRanges(rows: readonly Row[]): readonly { readonly writer: number; readonly numbers: string }[] {
  const byWriter = new Map<number, number[]>();
  for (const { writer, seq } of rows) pushTo(byWriter, writer, seq);
  return [...byWriter]
    .toSorted(([a], [b]) => a - b)
    .map(([writer, numbers]) => ({ writer, numbers: runsOf(numbers.toSorted((a, b) => a - b)).join(', ') }));
}

function runsOf(sorted: readonly number[]): readonly string[] {
  const runs: { readonly from: number; until: number }[] = [];
  for (const number of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && number <= last.until + 1) last.until = number;
    else runs.push({ from: number, until: number });
  }
  return runs.map(({ from, until }) => (from === until ? String(from) : `${String(from)}-${String(until)}`));
}

function pushTo(byWriter: Map<number, number[]>, writer: number, seq: number): void {
  const known = byWriter.get(writer);
  if (known === undefined) byWriter.set(writer, [seq]);
  else known.push(seq);
}
