/**
 * `npm run chaos`: real faults on real processes, measured as clients and judged by checkers that know nothing of the faults. Whatever happens,
 * also Ctrl-C, it heals what it broke, stops what it started and removes its directories.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { messageOf } from '../../shared/errors.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { SCENARIOS } from './catalogue.ts';
import { readRequest, USAGE, type Request, type Settings } from './options.ts';
import { reportOf, rowOf, rowOfRounds, tableOf, type Report } from './report.ts';
import { runRandom, runScenarios, type Outcome } from './run.ts';

const INTERRUPTED = 130;
const SEEDS = 1_000_000;

async function main(): Promise<number> {
  const request = readRequest(process.argv.slice(2), String(randomInt(SEEDS)));
  switch (request.kind) {
    case 'help':
      process.stdout.write(USAGE);
      return 0;
    case 'wrong':
      process.stderr.write(`${request.why}\n\n${USAGE}`);
      return 2;
    case 'list':
      process.stdout.write(request.json ? `${JSON.stringify(SCENARIOS)}\n` : listing());
      return 0;
    case 'run':
    case 'random':
      return strike(request);
  }
}

async function strike(request: Extract<Request, { kind: 'run' | 'random' }>): Promise<number> {
  const { settings } = request;
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  process.stderr.write(`seed ${settings.seed}, backend ${settings.backend}\n`);
  try {
    const options = { settings, env: process.env, signal };
    const outcome = request.kind === 'run' ? await runScenarios(request.scenarios, options) : await runRandom(options);
    const report = toReport(request, outcome);
    publish(report, settings);
    if (outcome.interrupted) return INTERRUPTED;
    // Asked for by name and not possible here is not a pass; of everything, what is possible counts.
    const isComplete = outcome.notPlayed.length === 0 || (request.kind === 'run' && request.isEverything);
    return report.verdict === 'pass' && isComplete ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return signal.aborted ? INTERRUPTED : 1;
  }
}

function toReport({ kind, settings }: Extract<Request, { kind: 'run' | 'random' }>, { played, notPlayed }: Outcome): Report {
  const rows = kind === 'run' ? played.map(rowOf) : [rowOfRounds(played)];
  return reportOf({ seed: settings.seed, backend: settings.backend, played, notPlayed, rows });
}

function publish(report: Report, { json, report: file }: Settings): void {
  const text = `${JSON.stringify(report)}\n`;
  if (file !== null) writeFileSync(file, text);
  process.stdout.write(json ? text : `${tableOf(report)}verdict: ${report.verdict} (seed ${report.seed})\n`);
}

function listing(): string {
  return SCENARIOS.map(
    ({ name, faults, does, holds, heals, needs }) =>
      `${name} (${faults.join(', ')})${needs.length === 0 ? '' : `, needs ${needs.join(', ')}`}\n  ${does}\n  must hold: ${holds}\n  heals: ${heals}\n`,
  ).join('');
}

process.exitCode = await main();
