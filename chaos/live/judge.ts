/**
 * From figures to a verdict. Pure. A trial that looked at nothing never passes, and a time is only judged over all trials of a scenario: a median
 * of one is no median.
 */
import type { Figures } from './measure.ts';
import type { Bound, Demand } from './scenario.ts';
import type { Finding, Told } from './stage.ts';
import { summarize } from './statistics.ts';
import { FLAW_SAYS, FLAW_KINDS, type WorkloadVerdict } from '../workload/workload.ts';

export type Trial = {
  readonly scenario: string;
  readonly trial: number;
  readonly seed: string;
  readonly leader: string | null;
  /** Null: the trial did not come far enough to measure anything. */
  readonly figures: Figures | null;
  /** Of what ran beside the ledger. */
  readonly workloads: readonly WorkloadVerdict[];
  readonly findings: readonly Finding[];
  /** What the cluster did not reach in time; null when it reached everything. */
  readonly stopped: string | null;
  /** From the last heal, or from the fault where nothing is healed, until the cluster was whole. Null: it never was. */
  readonly wholeAfterMs: number | null;
  readonly happenings: readonly (Told & { readonly afterFaultMs: number })[];
};

export type Reason = { readonly kind: 'unsafe' | 'wrong' | 'slow'; readonly text: string };

/** Fewer acknowledgements than this prove that the clients did not really run. */
const ACKNOWLEDGED_LEAST = 50;
const DIRECT_LEAST = 10;
/** The same of a workload beside the ledger, which is slow on purpose. */
const TRANSACTIONS_LEAST = 20;
const READS_LEAST = 5;

/** What a single trial is judged by: safety first, then what the scenario demands. Times are for `judgeTimes`. */
export function judgeTrial({ figures, workloads, findings, stopped, wholeAfterMs }: Trial, demand: Demand): readonly Reason[] {
  const reasons: Reason[] = [];
  if (stopped !== null) reasons.push({ kind: 'wrong', text: stopped });
  for (const { claim, holds, seen } of findings) if (!holds) reasons.push({ kind: 'wrong', text: `does not hold: ${claim} (${seen})` });
  if (wholeAfterMs === null) reasons.push({ kind: 'wrong', text: 'the cluster did not become whole again' });
  if (figures === null) return [...reasons, { kind: 'wrong', text: 'nothing was measured' }];
  return [...reasons, ...unsafe(figures), ...workloads.flatMap(unsafeWorkload), ...misbehaved(figures, demand)];
}

function unsafe({ data, epochs, vanished, divergedNodes, acknowledged, acknowledgedDirectly }: Figures): readonly Reason[] {
  const found: readonly (readonly [bad: boolean, text: string])[] = [
    [acknowledged < ACKNOWLEDGED_LEAST, `only ${String(acknowledged)} acknowledged writes: the clients did not really run`],
    [
      acknowledgedDirectly < DIRECT_LEAST,
      `only ${String(acknowledgedDirectly)} acknowledged past the proxy: nobody watched the old primary`,
    ],
    [data === null, 'the rows could not be looked up'],
    [(data?.lost.length ?? 0) > 0, `${String(data?.lost.length)} acknowledged writes are lost`],
    [vanished > 0, `${String(vanished)} rows of earlier trials are gone`],
    [(data?.duplicated.length ?? 0) > 0, `${String(data?.duplicated.length)} rows are there twice`],
    [phantomsOf(data) > 0, `${String(phantomsOf(data))} rows are there that should not be`],
    [epochs.untold > 0, `${String(epochs.untold)} acknowledgements told no timeline`],
    [
      epochs.stale.length > 0,
      `split brain: ${String(epochs.stale.length)} writes acknowledged on an old primary after the first of a newer one`,
    ],
    [epochs.shared.length > 0, `timelines ${epochs.shared.map(({ timeline }) => timeline).join(', ')} had more than one server`],
    [divergedNodes.length > 0, `the rows of ${divergedNodes.join(', ')} are not those of the leader`],
  ];
  return found.filter(([bad]) => bad).map(([, text]) => ({ kind: 'unsafe', text }));
}

function unsafeWorkload({ workload, isRead, acknowledged, reads, flaws }: WorkloadVerdict): readonly Reason[] {
  const found: readonly (readonly [bad: boolean, text: string])[] = [
    [!isRead, 'what is there could not be read'],
    [acknowledged < TRANSACTIONS_LEAST, `only ${String(acknowledged)} acknowledged transactions: its clients did not really run`],
    [reads < READS_LEAST, `only ${String(reads)} acknowledged reads: nobody looked`],
    ...FLAW_KINDS.map((kind) => [flaws[kind].length > 0, `${String(flaws[kind].length)} ${FLAW_SAYS[kind]}`] as const),
  ];
  return found.filter(([bad]) => bad).map(([, text]) => ({ kind: 'unsafe', text: `${workload}: ${text}` }));
}

export function phantomsOf(data: Figures['data']): number {
  return data === null ? 0 : data.resurrected.length + data.foreign.length;
}

function misbehaved(
  { outage, freshOutage, clientErrors, failovers }: Figures,
  { clientErrorsMax, failovers: due }: Demand,
): readonly Reason[] {
  const found: readonly (readonly [bad: boolean, text: string])[] = [
    [!outage.ended, 'writes did not come back'],
    [!freshOutage.ended, 'writes of new sessions did not come back'],
    [
      clientErrorsMax !== null && clientErrors > clientErrorsMax,
      `${String(clientErrors)} client errors, ${String(clientErrorsMax)} allowed`,
    ],
    [failovers < due.least, `${String(failovers)} failovers, ${String(due.least)} were due`],
    [failovers > due.most, `${String(needlessFailovers(failovers, due.most))} needless failovers`],
  ];
  return found.filter(([bad]) => bad).map(([, text]) => ({ kind: 'wrong', text }));
}

/** Claims beyond those the faults justify. */
export function needlessFailovers(failovers: number, justified: number): number {
  return Math.max(0, failovers - justified);
}

/** A clone of a small node takes some seconds, a rewind less. */
const LONG_TO_HEAL_MS = 30_000;

/** Nothing that a single trial is failed for, but its logs are worth a look: slower than the worst case allows, or long to become whole. */
export function isSuspicious({ figures, wholeAfterMs }: Trial, { outage }: Demand): boolean {
  const isSlow = figures !== null && outage !== null && figures.outage.lengthMs > outage.maxMs;
  return isSlow || (wholeAfterMs ?? 0) > LONG_TO_HEAL_MS;
}

/** Median and worst case of all trials against the bounds. No trial measured, no verdict to pass. */
export function judgeTimes(trials: readonly Trial[], { outage, freshOutage }: Demand): readonly Reason[] {
  const measured = trials.flatMap(({ figures }) => (figures === null ? [] : [figures]));
  if (measured.length === 0) return [{ kind: 'slow', text: 'no trial measured a time' }];
  return [
    ...tooSlow(
      'writes',
      outage,
      measured.map((one) => one.outage.lengthMs),
    ),
    ...tooSlow(
      'writes of new sessions',
      freshOutage,
      measured.map((one) => one.freshOutage.lengthMs),
    ),
  ];
}

function tooSlow(what: string, bound: Bound | null, lengthsMs: readonly number[]): readonly Reason[] {
  const seen = summarize(lengthsMs);
  if (bound === null || seen === null) return [];
  const { medianMs, maxMs, origin } = bound;
  const found: readonly (readonly [bad: boolean, text: string])[] = [
    [seen.max > maxMs, `${what} stood still for ${String(seen.max)} ms at worst, ${String(maxMs)} ms allowed (${origin})`],
    [
      medianMs !== null && seen.median > medianMs,
      `${what} stood still for ${String(seen.median)} ms in the median, ${String(medianMs)} ms allowed (${origin})`,
    ],
  ];
  return found.filter(([bad]) => bad).map(([, text]) => ({ kind: 'slow', text }));
}
