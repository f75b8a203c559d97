/** From trials to what is printed: one row for each scenario, and the raw trials as JSON. Pure. */
import { judgeTimes, judgeTrial, needlessFailovers, phantomsOf, type Reason, type Trial } from './judge.ts';
import type { Backend, Bound, Scenario } from './scenario.ts';
import { summarize, type Summary } from './statistics.ts';
import { FLAW_KINDS } from '../workload/workload.ts';
import { workloadRows, type WorkloadRow } from './workload-rows.ts';

export type Played = { readonly scenario: Scenario; readonly trials: readonly Trial[] };
export type NotPlayed = { readonly scenario: string; readonly why: string };

export type Timing = { readonly claim: string; readonly allowedMs: number; readonly tookMs: Summary };

export type Row = {
  readonly scenario: string;
  readonly faults: readonly string[];
  readonly n: number;
  readonly outageMs: Summary | null;
  readonly freshOutageMs: Summary | null;
  readonly bound: Bound | null;
  readonly clientErrors: Summary | null;
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly phantom: number;
  /** The furthest back that a loss of a trial reaches. Null: no trial could look. */
  readonly rpoMs: number | null;
  /** Acknowledged on an old primary after the first of a newer one. */
  readonly split: number;
  readonly failovers: Summary | null;
  readonly epochsRaised: Summary | null;
  readonly needless: number;
  readonly wholeAfterMs: Summary | null;
  /** What some scenarios look at beside what clients saw. */
  readonly timings: readonly Timing[];
  /** Of what ran beside the ledger, in all trials together. */
  readonly workloads: readonly WorkloadRow[];
  readonly verdict: 'pass' | 'fail';
  readonly reasons: readonly Reason[];
};

export function rowOf({ scenario, trials }: Played): Row {
  const measured = trials.flatMap(({ figures }) => (figures === null ? [] : [figures]));
  const sum = (of: (figures: (typeof measured)[number]) => number): number => measured.reduce((total, one) => total + of(one), 0);
  const reasons = reasonsOf({ scenario, trials });
  return {
    scenario: scenario.name,
    faults: scenario.faults,
    n: trials.length,
    outageMs: summarize(measured.map(({ outage }) => outage.lengthMs)),
    freshOutageMs: summarize(measured.map(({ freshOutage }) => freshOutage.lengthMs)),
    bound: scenario.demand.outage,
    clientErrors: summarize(measured.map(({ clientErrors }) => clientErrors)),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    lost: sum(({ data, vanished }) => (data?.lost.length ?? 0) + vanished),
    duplicated: sum(({ data }) => data?.duplicated.length ?? 0),
    phantom: sum(({ data }) => phantomsOf(data)),
    rpoMs: summarize(measured.flatMap(({ rpoMs }) => (rpoMs === null ? [] : [rpoMs])))?.max ?? null,
    split: sum(({ epochs }) => epochs.stale.length),
    failovers: summarize(measured.map(({ failovers }) => failovers)),
    epochsRaised: summarize(measured.flatMap(({ epochsRaised }) => (epochsRaised === null ? [] : [epochsRaised]))),
    needless: sum(({ failovers }) => needlessFailovers(failovers, scenario.demand.failovers.most)),
    wholeAfterMs: summarize(trials.flatMap(({ wholeAfterMs }) => (wholeAfterMs === null ? [] : [wholeAfterMs]))),
    timings: timingsOf(trials),
    workloads: workloadRows(trials),
    verdict: reasons.length === 0 ? 'pass' : 'fail',
    reasons,
  };
}

function timingsOf(trials: readonly Trial[]): readonly Timing[] {
  const found = trials.flatMap(({ findings }) => findings.flatMap(({ claim, timing }) => (timing === null ? [] : [{ claim, ...timing }])));
  const claims = [...new Set(found.map(({ claim }) => claim))];
  return claims.flatMap((claim) => {
    const own = found.filter((one) => one.claim === claim);
    const tookMs = summarize(own.map((one) => one.tookMs));
    return own[0] === undefined || tookMs === null ? [] : [{ claim, allowedMs: own[0].allowedMs, tookMs }];
  });
}

function reasonsOf({ scenario, trials }: Played): readonly Reason[] {
  const perTrial = trials.flatMap((trial) =>
    judgeTrial(trial, scenario.demand).map((reason) => ({ ...reason, text: `trial ${String(trial.trial)}: ${reason.text}` })),
  );
  const none: readonly Reason[] = trials.length === 0 ? [{ kind: 'wrong', text: 'not one trial was run' }] : [];
  return [...none, ...perTrial, ...judgeTimes(trials, scenario.demand)];
}

/** Random rounds differ in what they justify, so each is judged by its own demand, and they are told in one row. */
export function rowOfRounds(rounds: readonly Played[]): Row {
  const [first] = rounds;
  const rows = rounds.map(rowOf);
  const trials = rounds.flatMap((round) => round.trials);
  if (first === undefined) return rowOf({ scenario: NO_ROUND, trials: [] });
  const reasons = rows.flatMap((row) => row.reasons);
  return {
    ...rowOf({ scenario: first.scenario, trials }),
    needless: rows.reduce((total, { needless }) => total + needless, 0),
    verdict: reasons.length === 0 ? 'pass' : 'fail',
    reasons,
  };
}

const NO_ROUND: Scenario = {
  name: 'random',
  faults: [],
  does: '',
  holds: '',
  clientsSee: '',
  heals: '',
  needs: [],
  onContainers: null,
  etcdMembersLeast: 3,
  mode: 'quorum',
  demand: { outage: null, freshOutage: null, clientErrorsMax: null, failovers: { least: 0, most: 0 } },
  secondsExpected: () => 0,
  prepare: null,
  play: async () => undefined,
};

export type Report = {
  readonly seed: string;
  /** What to say after `pgbaton chaos` to do the same again. */
  readonly repeat: string;
  readonly backend: Backend;
  readonly verdict: 'pass' | 'fail';
  /** Then this is what was over by then. */
  readonly interrupted: boolean;
  readonly rows: readonly Row[];
  readonly notPlayed: readonly NotPlayed[];
  readonly trials: readonly ReportedTrial[];
};

/** What a random round struck with stands in its own `does`. Reasons are those of this trial alone; times are judged over all of them. */
export type ReportedTrial = Trial & { readonly does: string; readonly reasons: readonly Reason[] };

export function reportOf(options: {
  readonly seed: string;
  readonly repeat: string;
  readonly backend: Backend;
  readonly interrupted: boolean;
  readonly played: readonly Played[];
  readonly notPlayed: readonly NotPlayed[];
  readonly rows: readonly Row[];
}): Report {
  const { seed, repeat, backend, interrupted, played, notPlayed, rows } = options;
  const isPassed = rows.length > 0 && rows.every(({ verdict }) => verdict === 'pass');
  return {
    seed,
    repeat,
    backend,
    verdict: isPassed ? 'pass' : 'fail',
    interrupted,
    rows,
    notPlayed,
    trials: played.flatMap(({ scenario: { does, demand }, trials }) =>
      trials.map((trial) => ({ ...trial, does, reasons: judgeTrial(trial, demand) })),
    ),
  };
}

const HEADINGS = [
  'scenario',
  'N',
  'outage, median ms',
  'max ms',
  'allowed ms',
  'new sessions, max ms',
  'client errors, median',
  'lost',
  'doubled',
  'phantom',
  'RPO ms',
  'split',
  'failovers, median',
  'epochs, max',
  'needless',
  'whole after, max ms',
  'verdict',
];

export function tableOf({ rows, notPlayed }: Pick<Report, 'rows' | 'notPlayed'>): string {
  const lines = rows.map((row) => [
    row.scenario,
    String(row.n),
    String(row.outageMs?.median ?? '-'),
    String(row.outageMs?.max ?? '-'),
    allowed(row.bound),
    String(row.freshOutageMs?.max ?? '-'),
    String(row.clientErrors?.median ?? '-'),
    ...[row.lost, row.duplicated, row.phantom].map(String),
    String(row.rpoMs ?? '-'),
    String(row.split),
    String(row.failovers?.median ?? '-'),
    String(row.epochsRaised?.max ?? '-'),
    String(row.needless),
    String(row.wholeAfterMs?.max ?? '-'),
    row.verdict,
  ]);
  return [
    ...gridOf(HEADINGS, lines),
    ...workloadGrid(rows),
    ...rows.flatMap(({ scenario, timings }) => timings.map((timing) => `${scenario}: ${toldTiming(timing)}`)),
    ...notPlayed.map(({ scenario, why }) => `not played: ${scenario}: ${why}`),
    ...rows.flatMap(({ scenario, reasons }) => reasons.map(({ text }) => `${scenario}: ${text}`)),
    '',
  ].join('\n');
}

function toldTiming({ claim, allowedMs, tookMs }: Timing): string {
  return `${claim}: N ${String(tookMs.n)}, median ${String(tookMs.median)} ms, max ${String(tookMs.max)} ms, ${String(allowedMs)} ms allowed`;
}

const WORKLOAD_HEADINGS = ['scenario', 'beside the ledger', 'acknowledged', 'unknown', 'surfaced', 'reads', ...FLAW_KINDS];

function workloadGrid(rows: readonly Row[]): readonly string[] {
  const lines = rows.flatMap(({ scenario, workloads }) =>
    workloads.map(({ workload, acknowledged, unknown, surfaced, reads, flaws }) => [
      scenario,
      workload,
      ...[acknowledged, unknown, surfaced, reads, ...FLAW_KINDS.map((kind) => flaws[kind])].map(String),
    ]),
  );
  return lines.length === 0 ? [] : ['', ...gridOf(WORKLOAD_HEADINGS, lines), ''];
}

function gridOf(headings: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  const widths = headings.map((heading, at) => Math.max(heading.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const render = (cells: readonly string[]): string => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [render(headings), render(widths.map((width) => '-'.repeat(width))), ...lines.map(render)];
}

function allowed(bound: Bound | null): string {
  if (bound === null) return '-';
  const { medianMs, maxMs, origin } = bound;
  return `${medianMs === null ? '' : `${String(medianMs)} / `}${String(maxMs)}${origin === 'own' ? ' *' : ''}`;
}
