/**
 * What a search was expected to find, and whether it did. Pure. Everything unexpected is a problem: a violation, a guard that can go without harm, harm
 * of another kind than expected, a search that left something out, and numbers other than the recorded ones, because then the model is not the one
 * that was looked at when they were recorded.
 */
import type { PanOutcome } from './pan-output.ts';
import { isExhaustive, nameOf, type Question } from './questions.ts';
import { stepsOf, type Story } from './story.ts';

/** The number that identifies a result: states of an exhaustive search, steps of a shortest counterexample. */
export type Recorded = Readonly<Record<Question['kind'], Readonly<Record<string, number>>>>;

export type Answer = { readonly outcome: PanOutcome; readonly story: Story | null };

export type Finding = {
  readonly question: Question;
  readonly states: number | null;
  /** Of a counterexample. */
  readonly steps: number | null;
  readonly seconds: number | null;
  readonly memoryMb: number | null;
  readonly story: Story | null;
  /** Null: as expected. */
  readonly problem: string | null;
};

export function judge(question: Question, answer: Answer, recorded: Recorded | null): Finding {
  const { outcome, story } = answer;
  return {
    question,
    states: outcome.kind === 'unusable' ? null : outcome.states,
    steps: outcome.kind === 'counterexample' && story !== null ? stepsOf(story) : null,
    seconds: outcome.kind === 'unusable' ? null : outcome.seconds,
    memoryMb: outcome.kind === 'complete' ? outcome.memoryMb : null,
    story,
    problem: problemWith(question, answer) ?? changeSince(question, answer, recorded),
  };
}

function problemWith(question: Question, answer: Answer): string | null {
  const { outcome, story } = answer;
  if (outcome.kind === 'unusable') return `no result: ${outcome.why}`;
  if (outcome.kind === 'counterexample' && (story === null || (outcome.what === 'assertion' && story.ending.kind === 'open')))
    return 'no result: the counterexample cannot be replayed';
  switch (question.kind) {
    case 'scope':
    case 'second-line':
      return outcome.kind === 'complete' ? null : `VIOLATED: ${harmOf(answer)}`;
    case 'guard': {
      if (outcome.kind === 'complete') return `no counterexample in ${String(outcome.states)} states`;
      const harm = outcome.what === 'cycle' ? 'cycle' : story?.ending.kind === 'harm' ? story.ending.invariant : null;
      return harm === question.removal.harm ? null : `harm of another kind than ${question.removal.harm}: ${harmOf(answer)}`;
    }
    case 'reachable':
      if (outcome.kind === 'complete') return `not reachable in ${String(outcome.states)} states`;
      return story?.ending.kind === 'reached' ? null : `VIOLATED: ${harmOf(answer)}`;
  }
}

function harmOf({ outcome, story }: Answer): string {
  if (outcome.kind === 'counterexample' && outcome.what === 'cycle') return 'the healed cluster goes round for ever';
  return story?.ending.kind === 'harm' ? `${story.ending.invariant}, ${story.ending.text}` : 'a state was reached that nobody asked for';
}

function changeSince(question: Question, { outcome, story }: Answer, recorded: Recorded | null): string | null {
  if (recorded === null || outcome.kind === 'unusable') return null;
  const now = isExhaustive(question) ? outcome.states : story === null ? null : stepsOf(story);
  const before = recorded[question.kind][nameOf(question)];
  if (now === before) return null;
  const unit = isExhaustive(question) ? 'states' : 'steps';
  return before === undefined
    ? `${String(now)} ${unit}, and nothing recorded to compare with`
    : `the model has changed: ${String(now)} ${unit}, recorded ${String(before)}`;
}
