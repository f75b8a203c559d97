/** The results of a run: one line each for people, one object for programs. Pure. */
import { rulesOf, sentenceOf, type GuardSentence } from './guard-sentences.ts';
import type { Finding } from './judge.ts';
import { flagsOf, formatFlags, guardsOff, nameOf, type Question } from './questions.ts';
import { formatStory } from './story.ts';

const TITLES: Readonly<Record<Question['kind'], string>> = {
  scope: 'Scopes: every state looked at, nothing may be violated',
  guard: 'Guards switched off: harm must follow; the shortest way to it',
  'second-line': 'Guards that stand behind another one: switched off alone, nothing may follow',
  reachable: 'States that must be reachable',
};

export function titleOf(kind: Question['kind']): string {
  return TITLES[kind];
}

export type Widths = { readonly name: number; readonly rule: number; readonly flags: number };

export function widthsOf(questions: readonly Question[], sentences: ReadonlyMap<string, GuardSentence>): Widths {
  const widest = (head: string, texts: readonly string[]): number => Math.max(head.length, ...texts.map((text) => text.length));
  return {
    name: widest('name', questions.map(nameOf)),
    rule: widest(
      'rule',
      questions.map((question) => rulesOf(sentences, guardsOff(question))),
    ),
    flags: widest(
      'scope',
      questions.map((question) => formatFlags(flagsOf(question))),
    ),
  };
}

export function headLine(widths: Widths): string {
  return `  ${'name'.padEnd(widths.name)}  ${'rule'.padEnd(widths.rule)}  ${'scope'.padEnd(widths.flags)}  ${'states'.padStart(10)}  ${'steps'.padStart(5)}  ${'seconds'.padStart(7)}  verdict`;
}

export function findingLine(finding: Finding, widths: Widths, sentences: ReadonlyMap<string, GuardSentence>): string {
  const { question, states, steps, seconds, problem } = finding;
  const cell = (value: number | null, width: number, digits = 0): string => (value === null ? '-' : value.toFixed(digits)).padStart(width);
  return `  ${nameOf(question).padEnd(widths.name)}  ${rulesOf(sentences, guardsOff(question)).padEnd(widths.rule)}  ${formatFlags(flagsOf(question)).padEnd(widths.flags)}  ${cell(states, 10)}  ${cell(steps, 5)}  ${cell(seconds, 7, 1)}  ${problem ?? expected(finding)}`;
}

function expected({ question, story }: Finding): string {
  switch (question.kind) {
    case 'scope':
      return question.scope.kind === 'safety' ? 'no violation' : 'recovers';
    case 'guard':
      return `${question.removal.harm}${story?.ending.kind === 'harm' ? ' violated' : ''}, as it must be`;
    case 'second-line':
      return 'no harm';
    case 'reachable':
      return 'reached';
  }
}

export function storyLines(finding: Finding, sentences: ReadonlyMap<string, GuardSentence>): readonly string[] {
  if (finding.story === null) return [];
  const off = guardsOff(finding.question).map((guard) => {
    const { rule, sentence } = sentenceOf(sentences, guard);
    return `  without ${guard} (${rule}: ${sentence})`;
  });
  return ['', `${nameOf(finding.question)}, ${formatFlags(flagsOf(finding.question))}`, ...off, ...formatStory(finding.story)];
}

export type Summary = {
  readonly verdict: 'pass' | 'fail';
  /** Scopes, and guards that should be harmless to miss, with a counterexample. */
  readonly violations: number;
  readonly guardsWithoutCounterexample: readonly string[];
  readonly unreached: readonly string[];
  readonly problems: readonly string[];
  /** Why the verdict is what it is. */
  readonly line: string;
};

export function summarize(findings: readonly Finding[], asked: number): Summary {
  const bad = findings.filter(({ problem }) => problem !== null);
  const named = (kind: Question['kind']): readonly string[] =>
    bad.filter(({ question }) => question.kind === kind).map(({ question }) => nameOf(question));
  const count = (kind: Question['kind']): string => String(findings.filter(({ question }) => question.kind === kind).length);
  const violations = bad.filter(
    ({ question, steps, story }) => (question.kind === 'scope' || question.kind === 'second-line') && (steps ?? story) !== null,
  );
  const complete = asked > 0 && findings.length === asked;
  const pass = complete && bad.length === 0;
  return {
    verdict: pass ? 'pass' : 'fail',
    violations: violations.length,
    guardsWithoutCounterexample: bad
      .filter(({ question, story }) => question.kind === 'guard' && story === null)
      .map(({ question }) => nameOf(question)),
    unreached: named('reachable'),
    problems: bad.map(({ question, problem }) => `${nameOf(question)}: ${problem ?? ''}`),
    line: pass
      ? `verdict: pass. Scopes without a violation: ${count('scope')}, guards that are needed: ${count('guard')}, second lines: ${count('second-line')}, states reached: ${count('reachable')}`
      : `verdict: fail. ${complete ? '' : `only ${String(findings.length)} of ${String(asked)} questions were answered; `}${String(bad.length)} not as expected`,
  };
}

export function toJsonReport(findings: readonly Finding[], summary: Summary, sentences: ReadonlyMap<string, GuardSentence>): object {
  const entries = (kind: Question['kind']): readonly object[] =>
    findings.filter(({ question }) => question.kind === kind).map((finding) => toJsonFinding(finding, sentences));
  return {
    verdict: summary.verdict,
    violations: summary.violations,
    guardsWithoutCounterexample: summary.guardsWithoutCounterexample,
    unreached: summary.unreached,
    problems: summary.problems,
    scopes: entries('scope'),
    guards: entries('guard'),
    secondLines: entries('second-line'),
    reachable: entries('reachable'),
  };
}

function toJsonFinding(
  { question, states, steps, seconds, memoryMb, story, problem }: Finding,
  sentences: ReadonlyMap<string, GuardSentence>,
): object {
  return {
    name: nameOf(question),
    rule: rulesOf(sentences, guardsOff(question)),
    flags: flagsOf(question),
    states,
    steps,
    seconds,
    memoryMb,
    harm: story?.ending.kind === 'harm' ? story.ending.invariant : null,
    story: story === null ? null : formatStory(story),
    problem,
  };
}
