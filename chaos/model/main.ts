/**
 * `npm run model`: the formal model of the protocol, searched. Scopes must show no violation, guards switched off must show harm, named states must be
 * reachable. Exit code 0 only if everything is as expected; a search that did not look at everything never counts as one that found nothing.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { shutdownOnSignals } from '../../shared/runtime/shutdown.ts';
import { Screen } from '../demo/screen.ts';
import { askAll } from './ask-all.ts';
import { readGuardSentences, type GuardSentence } from './guard-sentences.ts';
import type { Finding, Recorded } from './judge.ts';
import { readPromela, readReadme, readRecorded, writeReadme, writeRecorded } from './model-files.ts';
import { allQuestions, chooseQuestions, isExhaustive, nameOf, namesOf, type Question } from './questions.ts';
import { insertTables, readmeTables } from './readme-tables.ts';
import { findingLine, headLine, storyLines, summarize, titleOf, toJsonReport, widthsOf } from './report.ts';
import type { Depth } from './scopes.ts';

type Options = {
  readonly depth: Depth;
  readonly only: readonly string[];
  readonly trail: boolean;
  readonly json: boolean;
  readonly record: boolean;
  readonly jobs: number;
};

const USAGE = `Usage: npm run model -- [--quick | --deep] [--only NAME]... [--trail] [--json] [--jobs N] [--record]

  --quick   one small scope, a handful of guards and states; for every push
  --deep    the larger scopes too: half an hour, up to 8 GB for one search
  --only    one scope, guard or state by its name; may be given more than once
  --trail   tell every counterexample step by step
  --json    one JSON object on stdout; everything else goes to stderr
  --jobs    searches at a time (default: one for each core, two at most; the default set needs 2 GB for each)
  --record  write what was measured to recorded.json and the README, where it was changed on purpose
`;

const LIMITS: Readonly<Record<Depth, { readonly memoryMb: number; readonly deadlineMs: number }>> = {
  quick: { memoryMb: 1000, deadlineMs: 120_000 },
  default: { memoryMb: 2100, deadlineMs: 1_200_000 },
  deep: { memoryMb: 14_000, deadlineMs: 7_200_000 },
};

function readOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        deep: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        trail: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
        jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return null;
    }
    const jobs = Number(values.jobs);
    if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs is a number from 1 on, not ${values.jobs}`);
    const known = new Set(allQuestions().flatMap(namesOf));
    const unknown = values.only.filter((name) => !known.has(name));
    if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}. There are: ${[...known].join(', ')}`);
    const depth = values.deep ? 'deep' : values.quick ? 'quick' : 'default';
    return { depth, only: values.only, trail: values.trail, json: values.json, record: values.record, jobs };
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return null;
  }
}

async function main({ depth, only, trail, json, record, jobs }: Options): Promise<number> {
  const screen = new Screen(json);
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  const sentences = readGuardSentences(readPromela('guards.pml'));
  const questions = chooseQuestions(depth, only);
  const widths = widthsOf(questions, sentences);
  const startedAtMs = monotonicMs();
  const findings: Finding[] = [];
  let shown: Question['kind'] | null = null;
  const onFinding = (finding: Finding): void => {
    if (finding.question.kind !== shown) {
      screen.title(titleOf(finding.question.kind));
      screen.line(headLine(widths), 'quiet');
      shown = finding.question.kind;
    }
    findings.push(finding);
    screen.line(findingLine(finding, widths, sentences), finding.problem === null ? 'plain' : 'bad');
    if (trail || (isExhaustive(finding.question) && finding.story !== null))
      for (const line of storyLines(finding, sentences)) screen.line(line);
  };
  const tools = { spin: process.env['PGBATON_SPIN'] ?? 'spin', cc: process.env['PGBATON_CC'] ?? 'cc' };
  const limits = only.length > 0 ? LIMITS.deep : LIMITS[depth];
  try {
    await askAll({
      questions,
      recorded: readRecorded(),
      compare: !record,
      tools,
      limits,
      jobs,
      signal,
      onFinding,
      onProgress: (running) => {
        screen.status(`${String(findings.length)} of ${String(questions.length)} answered; searching: ${running.map(nameOf).join(', ')}`);
      },
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    return 130;
  } finally {
    screen.clearStatus();
  }
  const summary = summarize(findings, questions.length);
  screen.line('');
  for (const problem of summary.problems) screen.line(`  ${problem}`, 'bad');
  screen.line(`${summary.line}, in ${((monotonicMs() - startedAtMs) / 1000).toFixed(0)} s`, summary.verdict === 'pass' ? 'good' : 'bad');
  if (json) process.stdout.write(`${JSON.stringify(toJsonReport(findings, summary, sentences))}\n`);
  if (record && summary.verdict === 'pass') keep(findings, sentences);
  return summary.verdict === 'pass' ? 0 : 1;
}

/** Numbers of questions that were not asked stay; numbers of questions that no longer exist go. */
function keep(findings: readonly Finding[], sentences: ReadonlyMap<string, GuardSentence>): void {
  const before = readRecorded();
  const measured = (kind: Question['kind']): Readonly<Record<string, number>> =>
    Object.fromEntries(
      allQuestions()
        .filter((question) => question.kind === kind)
        .flatMap((question) => {
          const finding = findings.find((one) => one.question.kind === kind && nameOf(one.question) === nameOf(question));
          const value = finding === undefined ? before[kind][nameOf(question)] : isExhaustive(question) ? finding.states : finding.steps;
          return value === undefined || value === null ? [] : [[nameOf(question), value]];
        }),
    );
  const recorded: Recorded = {
    scope: measured('scope'),
    guard: measured('guard'),
    'second-line': measured('second-line'),
    reachable: measured('reachable'),
  };
  writeRecorded(recorded);
  writeReadme(insertTables(readReadme(), readmeTables(sentences, recorded)));
}

const options = readOptions();
if (options !== null) process.exitCode = await main(options);
