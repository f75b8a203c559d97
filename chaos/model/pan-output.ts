/**
 * Reads what pan, the program that spin generates, prints after a search. Pure. A search that did not look at everything must never read as one that
 * found nothing: whatever is not plainly a complete search or a counterexample is `unusable`.
 */

export type PanOutcome =
  | { readonly kind: 'complete'; readonly states: number; readonly depth: number; readonly memoryMb: number; readonly seconds: number }
  | { readonly kind: 'counterexample'; readonly what: 'assertion' | 'cycle'; readonly states: number; readonly seconds: number }
  | { readonly kind: 'unusable'; readonly why: string };

/** Each of these lines means that states were left out. "max search depth too small" comes without any other warning. */
const LEFT_OUT: readonly RegExp[] = [
  /max search depth too small/,
  /reached -DMEMLIM bound/,
  /out of memory/,
  /hashtable full|hash table full/,
  /VECTORSZ (is )?too small/,
  /Bit statespace search/,
  /Hash-Compact/i,
  /search was stopped|interrupted/i,
];

export function readPanOutput(text: string): PanOutcome {
  const leftOut = LEFT_OUT.map((pattern) => pattern.exec(text)?.[0]).find((found) => found !== undefined);
  if (leftOut !== undefined) return unusable(`pan says "${leftOut}"`);
  const vector = /^State-vector (\d+) byte, depth reached (\d+), errors: (\d+)$/m.exec(text);
  const states = numberIn(text, /^\s*(\d+(?:\.\d+e\+\d+)?) states, stored\b/m);
  const seconds = numberIn(text, /^pan: elapsed time ([\d.e+-]+) seconds$/m);
  if (vector === null || states === null || seconds === null) return unusable('pan did not finish its report');
  if (!/^Full statespace search for:$/m.test(text)) return unusable('not a full search of the states');
  if (states < 2) return unusable('pan looked at nothing');
  const errors = Number(vector[3]);
  const said = /^pan:\d+: (.+?)(?: \(at depth \d+\))?$/m.exec(text)?.[1];
  if (said !== undefined || errors > 0) return counterexample(said ?? 'an error without a message', states, seconds);
  if (/Search not completed/.test(text)) return unusable('pan says "Search not completed"');
  return {
    kind: 'complete',
    states,
    depth: Number(vector[2]),
    memoryMb: Math.ceil(numberIn(text, /^\s*([\d.]+)\s+total actual memory usage$/m) ?? 0),
    seconds,
  };
}

function counterexample(said: string, states: number, seconds: number): PanOutcome {
  if (said.startsWith('assertion violated')) return { kind: 'counterexample', what: 'assertion', states, seconds };
  if (said.startsWith('non-progress cycle')) return { kind: 'counterexample', what: 'cycle', states, seconds };
  // An index out of range, a stuck process: a fault of the model itself, which shows nothing about the protocol.
  return unusable(`pan says "${said}"`);
}

function unusable(why: string): PanOutcome {
  return { kind: 'unusable', why };
}

function numberIn(text: string, pattern: RegExp): number | null {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
