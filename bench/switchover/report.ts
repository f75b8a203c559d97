/** The figures for people: who waited how long, and what it cost. Pure. */
import { tableOfCriteria, verdictOf, type Criterion } from '../criteria.ts';
import type { Machine } from '../machine.ts';
import type { Summary } from '../statistics.ts';
import { table } from '../table.ts';
import { acceptanceOf, figuresOf, type Figure, type Heat } from './figures.ts';
import type { Options } from './options.ts';

export type Measured = {
  readonly machine: Machine;
  readonly options: Options;
  /** Program → what it says it is. */
  readonly versions: Readonly<Record<string, string>>;
  readonly heats: readonly Heat[];
};

export type Report = Measured & {
  readonly figures: readonly Figure[];
  readonly acceptance: readonly Criterion[];
  readonly verdict: Criterion['verdict'];
};

export function reportOf(measured: Measured): Report {
  const { courses } = measured.options;
  const figures = figuresOf(courses, measured.heats);
  const acceptance = acceptanceOf(courses, figures);
  return { ...measured, figures, acceptance, verdict: verdictOf(acceptance) };
}

export function textOf({ machine, options, versions, heats, figures, acceptance, verdict }: Report): string {
  const programs = Object.entries(versions).map(([program, version]) => `${program} ${version}`);
  return [
    `${machine.processor}, ${String(machine.cores)} cores, ${String(machine.memoryMb)} MB, Linux ${machine.kernel}, Node.js ${machine.node};`,
    `load when it began ${machine.loadAtStart.toFixed(2)}; ${programs.join(', ')}`,
    `${String(options.rounds)} runs of ${String(options.seconds)} s for each way, ${String(options.switchovers)} switchovers in each, scale ${String(options.scale)}`,
    '',
    ...tableOfFigures(figures),
    '',
    ...tableOfStages(figures),
    '',
    ...heats.flatMap(({ course, contestant, round, why }) =>
      why === null ? [] : [`${course}, ${contestant}, round ${String(round + 1)} broke off: ${why}`],
    ),
    ...tableOfCriteria(acceptance, 0),
    `verdict: ${verdict}`,
    '',
  ].join('\n');
}

function tableOfFigures(figures: readonly Figure[]): readonly string[] {
  return table(
    [
      ...['course', 'way', 'switchovers', 'N', 'stall median ms', 'max ms', 'nobody answered, median ms', 'max ms', 'else at most ms'],
      ...['transactions', 'failed', 'sessions cut', 'idle moved', 'idle cut', 'remarks'],
    ],
    figures.map((one) => [
      ...[one.course, one.contestant, String(one.switchovers), String(one.stallMs?.n ?? 0), ...told(one.stallMs), ...told(one.gapMs)],
      one.calmMs === null ? '-' : one.calmMs.max.toFixed(0),
      ...[one.transactions, one.failed, one.lostSessions, one.idle.moved, one.idle.cut].map(String),
      remarksOf(one),
    ]),
  );
}

/** Where the time goes. Medians, from the request on; the rest stands in the JSON. */
function tableOfStages(figures: readonly Figure[]): readonly string[] {
  const moments = [...new Set(figures.flatMap(({ reachedMs }) => Object.keys(reachedMs)))];
  return table(
    ['course', 'way', ...moments.map((moment) => `${moment} ms`)],
    figures.map(({ course, contestant, reachedMs }) => [
      ...[course, contestant],
      ...moments.map((moment) => reachedMs[moment]?.median.toFixed(0) ?? '-'),
    ]),
  );
}

function told(summary: Summary | null): readonly string[] {
  return summary === null ? ['-', '-'] : [summary.median.toFixed(0), summary.max.toFixed(0)];
}

function remarksOf({ runs, endedEarly, brokenOff, rowsBeyond, rowsLost, idle }: Figure): string {
  const found: readonly (readonly [count: number, what: string])[] = [
    [endedEarly, `of ${String(runs)} runs ended early: all clients gave up`],
    [brokenOff, 'runs broken off'],
    [rowsBeyond, 'rows that nobody was told of'],
    [rowsLost, 'acknowledged rows lost'],
    [idle.stayed, 'idle sessions did not move'],
  ];
  return found
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${String(count)} ${what}`)
    .join(', ');
}
