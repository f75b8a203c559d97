/**
 * The chaos program behind `pgbaton chaos`: real faults on real processes, measured as clients and judged by checkers that know nothing of the
 * faults. Whatever happens, also Ctrl-C, it heals what it broke, stops what it started and removes its directories.
 */
import { randomInt } from 'node:crypto';
import type { Terminal } from '../../cli/terminal.ts';
import { messageOf } from '../../shared/errors.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { SABOTAGE, SCENARIOS } from './catalogue.ts';
import { repeatArguments, requestOf, type Request, type Wish } from './options.ts';
import { makeReportDirectory, writeReport } from './report-files.ts';
import { reportOf, rowOf, rowOfRounds, tableOf, type Report } from './report.ts';
import { runRandom, runScenarios, type Outcome } from './run.ts';
import { backendsOf, type Backend, type Scenario } from './scenario.ts';

const INTERRUPTED = 130;
const SEEDS = 1_000_000;

/** Returns the exit code. */
export async function runChaos(wish: Wish, terminal: Terminal): Promise<number> {
  const request = requestOf(wish, String(randomInt(SEEDS)));
  const { settings } = request;
  // Now, and not when hours of trials are over.
  if (settings.report !== null) makeReportDirectory(settings.report);
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  terminal.err(`seed ${settings.seed}, backend ${settings.backend}\n`);
  try {
    const options = { settings, env: terminal.env, signal };
    const outcome = request.kind === 'run' ? await runScenarios(request.scenarios, options) : await runRandom(options);
    const report = toReport(request, outcome);
    publish(report, request, terminal);
    if (outcome.interrupted) return INTERRUPTED;
    // Asked for by name and not possible here is not a pass; of everything, what is possible counts.
    const isComplete = outcome.notPlayed.length === 0 || (request.kind === 'run' && request.isEverything);
    return report.verdict === 'pass' && isComplete ? 0 : 1;
  } catch (error) {
    terminal.err(`${messageOf(error)}\n`);
    return signal.aborted ? INTERRUPTED : 1;
  }
}

function toReport(request: Request, { played, notPlayed, interrupted }: Outcome): Report {
  const { seed, backend } = request.settings;
  const rows = request.kind === 'run' ? played.map(rowOf) : [rowOfRounds(played)];
  return reportOf({ seed, repeat: repeatArguments(request, played.length), backend, interrupted, played, notPlayed, rows });
}

function publish(report: Report, { settings: { json, report: dir } }: Request, terminal: Terminal): void {
  if (dir !== null) terminal.err(`the report is in ${writeReport(dir, report)}\n`);
  terminal.out(json ? `${JSON.stringify(report)}\n` : `${tableOf(report)}verdict: ${report.verdict} (seed ${report.seed})\n`);
}

export function listScenarios({ json }: { readonly json: boolean }, terminal: Terminal): void {
  if (json) terminal.out(`${JSON.stringify([...told(SCENARIOS, true), ...told(SABOTAGE, false)])}\n`);
  else terminal.out(`${listing(SCENARIOS)}\nTests of the judge, which have to fail and are never part of --all:\n\n${listing(SABOTAGE)}`);
}

type Listed = Scenario & { readonly isPartOfAll: boolean; readonly backends: readonly Backend[] };

function told(scenarios: readonly Scenario[], isPartOfAll: boolean): readonly Listed[] {
  return scenarios.map((scenario) => ({ ...scenario, isPartOfAll, backends: backendsOf(scenario) }));
}

function listing(scenarios: readonly Scenario[]): string {
  return scenarios.map(paragraphOf).join('');
}

function paragraphOf(scenario: Scenario): string {
  const { name, faults, does, onContainers, holds, heals, needs } = scenario;
  return [
    `${name} (${faults.join(', ')})${needs.length === 0 ? '' : `, needs ${needs.join(', ')}`}`,
    `  ${does}`,
    ...(onContainers === null || onContainers === does ? [] : [`  on containers: ${onContainers}`]),
    `  must hold: ${holds}`,
    `  heals: ${heals}`,
    `  backends: ${backendsOf(scenario).join(', ')}`,
    '',
  ].join('\n');
}
