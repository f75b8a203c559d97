/**
 * How long clients stood still at a switchover, from what pgbench logged of each transaction. Pure. It must never take a session that ended for one
 * that was quick: who finished nothing after the command had is not among those whose stall is told.
 */
import type { Transaction } from './pgbench-run.ts';

/** By the wall clock of this machine. */
export type Window = {
  /** The command was started. */
  readonly fromMs: number;
  /** It said that the new leader leads. */
  readonly doneMs: number;
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
  const ends = transactions.map(({ endedMs }) => endedMs).toSorted((a, b) => a - b);
  const lostIn = lostClients.map((client) => windowOfLoss(transactions, windows, client));
  return windows.map((window, at) => ({
    stallMs: stallIn(window, transactions),
    gapMs: gapIn(window, ends),
    lost: lostIn.filter((lost) => lost === at).length,
  }));
}

/** The longest transaction away from all switchovers: what this machine does to a client when nothing is done to the cluster. */
export function calmOf(transactions: readonly Transaction[], windows: readonly Window[]): number | null {
  return longest(transactions.filter((one) => !windows.some((window) => touches(window, one))).map(lengthOf));
}

function stallIn(window: Window, transactions: readonly Transaction[]): number | null {
  const wentOn = new Set(transactions.filter(({ endedMs }) => endedMs >= window.doneMs).map(({ client }) => client));
  return longest(transactions.filter((one) => wentOn.has(one.client) && touches(window, one)).map(lengthOf));
}

function gapIn({ fromMs, doneMs, untilMs }: Window, ends: readonly number[]): number | null {
  if ((ends.at(-1) ?? -Infinity) < doneMs) return null;
  const before = ends.findLastIndex((end) => end <= fromMs);
  const behind = ends.findIndex((end) => end >= untilMs);
  const within = ends.slice(before + 1, behind === -1 ? ends.length : behind + 1);
  return longest(within.map((end, at) => end - (ends[before + at] ?? fromMs)));
}

/** -1: behind all of them. A client says that it gave up, but not when: it was after the last transaction that it finished. */
function windowOfLoss(transactions: readonly Transaction[], windows: readonly Window[], client: number): number {
  const lastMs = longest(transactions.filter((one) => one.client === client).map(({ endedMs }) => endedMs)) ?? -Infinity;
  return windows.findIndex(({ untilMs }) => lastMs < untilMs);
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
