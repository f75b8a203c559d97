/** Adds up what seeds have shown, and says it to people and programs. */
import { unreached } from './sometimes.ts';
import type { SeedResult } from './run-seed.ts';

export type Batch = {
  readonly results: readonly SeedResult[];
  readonly marks: readonly string[];
  /** What one core spent on it. */
  readonly busyMs: number;
};

export type SimReport = {
  readonly violations: number;
  readonly seeds: number;
  readonly failovers: number;
  readonly acknowledged: number;
  readonly faults: number;
  readonly events: number;
  /** By one core. */
  readonly eventsPerSecond: number;
  readonly virtualHours: number;
  readonly unreached: readonly string[];
  /** The first of them, with what it takes to see one again. */
  readonly failing: readonly { readonly seed: number; readonly invariant: string; readonly message: string; readonly repeat: string }[];
};

const FAILING_MAX = 20;

export function reportOf(batches: readonly Batch[]): SimReport {
  const results = batches.flatMap((batch) => batch.results);
  const marks = new Set(batches.flatMap((batch) => batch.marks));
  const sum = (value: (result: SeedResult) => number): number => results.reduce((total, result) => total + value(result), 0);
  const busyMs = batches.reduce((total, batch) => total + batch.busyMs, 0);
  const failing = results.filter(({ violation }) => violation !== null).toSorted((a, b) => a.seed - b.seed);
  return {
    violations: failing.length,
    seeds: results.length,
    failovers: sum(({ epochs }) => epochs),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    faults: sum(({ faults }) => faults),
    events: sum(({ events }) => events),
    eventsPerSecond: busyMs === 0 ? 0 : Math.round((sum(({ events }) => events) / busyMs) * 1_000),
    virtualHours: Math.round(sum(({ virtualMs }) => virtualMs) / 360_000) / 10,
    unreached: unreached(marks),
    failing: failing.slice(0, FAILING_MAX).map(({ seed, violation }) => ({
      seed,
      invariant: violation?.invariant ?? '',
      message: violation?.message ?? '',
      repeat: `npm run sim -- --seed ${String(seed)}`,
    })),
  };
}

export function describeReport(report: SimReport): string {
  const lines = [
    `${String(report.seeds)} seeds, ${String(report.events)} events, ${report.virtualHours.toFixed(1)} hours of cluster time, ${String(report.eventsPerSecond)} events/s on one core`,
    `${String(report.faults)} faults, ${String(report.failovers)} leaderships begun, ${String(report.acknowledged)} writes acknowledged`,
    ...report.failing.map(({ message, repeat }) => `VIOLATION ${message}\n          ${repeat}`),
    ...(report.unreached.length === 0 ? [] : [`never reached: ${report.unreached.join('; ')}`]),
    report.violations === 0 ? 'no violation' : `${String(report.violations)} violations`,
  ];
  return `${lines.join('\n')}\n`;
}
