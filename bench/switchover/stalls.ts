/**
 * How long clients stood still at a switchover, from what pgbench logged of each transaction. Pure. It must never take a session that ended for one
 * that was quick: whose session ended is not among those whose stall is told.
 */
import type { Transaction } from './pgbench-run.ts';

/** By the wall clock of this machine. */
export type Window = {
  /** The command was started. */
  readonly fromMs: number;
  /** The cluster was whole again. */
  readonly untilMs: number;
};

export type Stall = {
  /** The longest transaction of any client that touches the window: what one client waited for one answer. Null: nobody went on. */
  readonly stallMs: number | null;
  /** The longest time in which no client at all finished a transaction, and which touches the window. Null: nobody went on. */
  readonly gapMs: number | null;
  /** Clients whose session ended here. */
  readonly lost: number;
};

export function stallsOf(
  transactions: readonly Transaction[],
  windows: readonly Window[],
  lostClients: readonly number[],
): readonly Stall[] {
  const lostIn = new Map(lostClients.map((client) => [client, windowOfLoss(transactions, windows, client)]));
  return windows.map((window, at) => {
    const kept = transactions.filter(({ client }) => (lostIn.get(client) ?? Infinity) > at);
    return {
      stallMs: longest(kept.filter((one) => touches(window, one)).map(lengthOf)),
      gapMs: kept.length === 0 ? null : gapIn(window, transactions),
      lost: [...lostIn.values()].filter((lost) => lost === at).length,
    };
  });
}

/** The longest transaction away from all switchovers: what this machine does to a client when nothing is done to the cluster. */
export function calmOf(transactions: readonly Transaction[], windows: readonly Window[]): number | null {
  return longest(transactions.filter((one) => !windows.some((window) => touches(window, one))).map(lengthOf));
}

function gapIn({ fromMs, untilMs }: Window, transactions: readonly Transaction[]): number | null {
  const ends = transactions.map(({ endedMs }) => endedMs).toSorted((a, b) => a - b);
  const before = ends.findLastIndex((end) => end <= fromMs);
  const behind = ends.findIndex((end) => end >= untilMs);
  const within = ends.slice(before + 1, behind === -1 ? ends.length : behind + 1);
  return longest(within.map((end, at) => end - (ends[before + at] ?? fromMs)));
}

/** A client says that it gave up, but not when: it was after the last transaction that it finished. Infinity: behind all windows. */
function windowOfLoss(transactions: readonly Transaction[], windows: readonly Window[], client: number): number {
  const lastMs = longest(transactions.filter((one) => one.client === client).map(({ endedMs }) => endedMs)) ?? -Infinity;
  const found = windows.findIndex(({ untilMs }) => lastMs < untilMs);
  return found === -1 ? Infinity : found;
}

function touches({ fromMs, untilMs }: Window, { beganMs, endedMs }: Transaction): boolean {
  return beganMs < untilMs && endedMs > fromMs;
}

function lengthOf({ beganMs, endedMs }: Transaction): number {
  return endedMs - beganMs;
}

function longest(values: readonly number[]): number | null {
  return values.reduce<number | null>((most, value) => (most === null || value > most ? value : most), null);
}
