/** The figures for people: tables in Markdown, and what one has to know to read them. Pure. */
import type { Round } from './course.ts';
import { tableOfCriteria, verdictOf, type Criterion } from './criteria.ts';
import { acceptanceOf, figuresOfRounds, idleFigureOf, type Figure, type IdleFigure } from './figures.ts';
import type { IdleSample } from './course.ts';
import type { CoreSplit, Machine } from './machine.ts';
import type { Options } from './options.ts';
import type { Summary } from './statistics.ts';
import { table } from './table.ts';

export type Measured = {
  readonly machine: Machine;
  readonly cores: CoreSplit | null;
  readonly options: Options;
  /** Program → what it says it is. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: readonly Round[];
  readonly idle: readonly IdleSample[];
};

export type Report = Measured & {
  readonly figures: readonly Figure[];
  readonly idleFigures: readonly IdleFigure[];
  readonly acceptance: readonly Criterion[];
  readonly verdict: Criterion['verdict'];
};

const BYTES_PER_MB = 1_000_000;

export function reportOf(measured: Measured): Report {
  const idleFigures = measured.idle.map(idleFigureOf);
  const acceptance = acceptanceOf(measured.rounds, idleFigures);
  return { ...measured, figures: figuresOfRounds(measured.rounds), idleFigures, acceptance, verdict: verdictOf(acceptance) };
}

export function textOf(report: Report): string {
  const { machine, cores, options, versions, figures, idleFigures, acceptance, verdict } = report;
  const loaded = figures.filter(({ tps }) => tps !== null);
  const copied = figures.filter(({ megabytesPerS }) => megabytesPerS !== null);
  const pinned = cores === null ? 'nothing is pinned' : `proxies on processor ${cores.proxy}, PostgreSQL and clients on ${cores.load}`;
  return [
    `${machine.processor}, ${String(machine.cores)} cores, ${String(machine.memoryMb)} MB, Linux ${machine.kernel}, Node.js ${machine.node}; ${pinned};`,
    `load when it began ${machine.loadAtStart.toFixed(2)}; ${Object.entries(versions)
      .map(([program, version]) => `${program} ${version}`)
      .join(', ')}`,
    `${String(options.rounds)} rounds of ${String(options.seconds)} s, COPY of ${String(options.copyMegabytes)} MB; each figure: median (largest of the rounds)`,
    '',
    ...table(
      ['workload', 'way', 'TPS', 'p50 µs', 'p99 µs', 'added p50', 'added p99', 'connect µs', 'added connect', 'proxy CPU µs/tx', 'failed'],
      loaded.map((one) => [
        ...[one.workload, one.way, told(one.tps), told(one.p50Us), told(one.p99Us), told(one.addedP50Us), told(one.addedP99Us)],
        ...[told(one.connectUs), told(one.addedConnectUs), told(one.cpuUsPerTransaction, 1), String(one.failed)],
      ]),
    ),
    '',
    ...table(
      ['workload', 'way', 'MB/s', 'proxy CPU µs/MB'],
      copied.map((one) => [one.workload, one.way, told(one.megabytesPerS), told(one.cpuUsPerMegabyte)]),
    ),
    '',
    ...table(
      ['idle sessions', 'proxy', 'MB with none', 'MB with them', 'kB a session', 'MB at 10 000'],
      idleFigures.map((one) => [
        ...[String(one.sessions), one.proxy, megabytes(one.rssBytesEmpty), megabytes(one.rssBytes)],
        ((one.rssBytes - one.rssBytesEmpty) / one.sessions / 1_000).toFixed(1),
        `${one.megabytesAtTenThousand.toFixed(0)}${one.isReckoned ? ' (reckoned)' : ''}`,
      ]),
    ),
    '',
    ...tableOfCriteria(acceptance, 2),
    `verdict: ${verdict}`,
    '',
  ].join('\n');
}

function told(summary: Summary | null, digits = 0): string {
  return summary === null ? '-' : `${summary.median.toFixed(digits)} (${summary.max.toFixed(digits)})`;
}

function megabytes(bytes: number): string {
  return (bytes / BYTES_PER_MB).toFixed(1);
}
