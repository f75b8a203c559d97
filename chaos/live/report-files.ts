/** The report on disk: a directory that is made before anything is broken, so that hours of trials cannot end without a place to be told. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../cli/usage-error.ts';
import { messageOf } from '../../shared/errors.ts';
import { reportPage } from './page/report-page.ts';
import type { Report } from './report.ts';

export function makeReportDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new UsageError(`--report is a directory, and ${dir} cannot be one: ${messageOf(error)}`, 'Name a directory that may be made.');
  }
}

/** Where the logs of one trial belong. */
export function logsOf(dir: string, scenario: string, trial: number): string {
  return join(dir, 'logs', `${scenario}-${String(trial)}`);
}

/** What the clients of a workload lived through, an operation a line, beside the logs of its trial. */
export function writeHistory(logs: string, workload: string, ops: readonly unknown[]): void {
  writeFileSync(join(logs, `${workload}.history.jsonl`), ops.map((op) => `${JSON.stringify(op, withMaps)}\n`).join(''));
}

function withMaps(_: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** Returns the file to look at. */
export function writeReport(dir: string, report: Report): string {
  writeFileSync(join(dir, 'report.json'), `${JSON.stringify(report)}\n`);
  const page = join(dir, 'report.html');
  writeFileSync(page, reportPage(report));
  return page;
}
