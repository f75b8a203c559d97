/** The report card of one fault, as lines of text. Pure. Every number names who measured it: the client, or the node that took over. */
import type { FailoverReport } from '../../shared/domain/cluster-status.ts';
import { OUTAGE_BUDGET_MS, type FaultKind, type Measurement } from './verdict.ts';

export type Handover = {
  readonly from: string;
  readonly to: string;
  readonly epoch: string;
  readonly timeline: number;
  /** Why this node, in the words of the node that took over. */
  readonly why: string | null;
  readonly phases: readonly { readonly phase: string; readonly startMs: number; readonly endMs: number }[];
  /** Error code → how often clients saw it. */
  readonly errorCodes: Readonly<Record<string, number>>;
};

const TITLES: Readonly<Record<FaultKind, string>> = {
  crash: 'PostgreSQL of the primary killed (kill -9)',
  nodeLoss: 'whole primary node killed (kill -9 of agent, guard, postmaster and every backend)',
  switchover: 'planned switchover',
};

export function phasesOf(report: FailoverReport | null, epoch: string): Handover['phases'] {
  return report !== null && report.epoch === epoch ? report.phases : [];
}

export function phasesOfStages(stagesMs: Readonly<Record<string, number>>): Handover['phases'] {
  const stages = Object.entries(stagesMs).toSorted(([, a], [, b]) => a - b);
  return stages
    .map(([phase, startMs], index) => ({ phase, startMs, endMs: stages[index + 1]?.[1] ?? startMs }))
    .filter(({ phase }) => phase !== 'done');
}

export function reportCard(measured: Measurement, handover: Handover): readonly string[] {
  const { outageMs, outageEnded, worstWriterMs, lostWrites, wrongRows, checkedWrites, clientErrors } = measured;
  const budgetMs = OUTAGE_BUDGET_MS[measured.kind];
  return [
    TITLES[measured.kind],
    `${handover.from} -> ${handover.to}, epoch ${handover.epoch}, timeline ${String(handover.timeline)}`,
    `outage   ${ms(outageMs)} seen by the clients${outageEnded ? '' : ', NOT OVER'} (unluckiest of them ${ms(worstWriterMs)}; allowed ${ms(budgetMs)})`,
    ...phaseBar(handover.phases),
    `errors   ${clientErrors === 0 ? 'none' : `${String(clientErrors)}: ${countsOf(handover.errorCodes)}`}`,
    `writes   ${String(checkedWrites)} acknowledged, looked up one by one on ${handover.to}: ${String(lostWrites)} lost${wrongRows === 0 ? '' : `, ${String(wrongRows)} WRONG`}`,
    ...(handover.why === null ? [] : [`why      ${handover.why}`]),
  ];
}

const BAR_WIDTH = 40;

function phaseBar(phases: Handover['phases']): readonly string[] {
  const totalMs = Math.max(...phases.map(({ endMs }) => endMs), 1);
  return phases.map(({ phase, startMs, endMs }, index) => {
    const from = Math.min(BAR_WIDTH - 1, Math.floor((startMs / totalMs) * BAR_WIDTH));
    const width = Math.max(1, Math.round(((endMs - startMs) / totalMs) * BAR_WIDTH));
    const bar = `${' '.repeat(from)}${'#'.repeat(Math.min(width, BAR_WIDTH - from))}`.padEnd(BAR_WIDTH);
    return `${index === 0 ? 'phases' : '      '}   ${phase.padEnd(13)} |${bar}| ${ms(endMs - startMs)}`;
  });
}

function countsOf(codes: Handover['errorCodes']): string {
  return Object.entries(codes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([code, count]) => `${String(count)} x ${code}`)
    .join(', ');
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
