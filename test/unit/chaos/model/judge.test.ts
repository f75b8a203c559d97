// What counts as expected. Every forged result that is not must be a problem.
import { describe, expect, test } from 'vitest';
import type { GuardRemoval } from '../../../../chaos/model/guards.ts';
import { judge, type Answer, type Recorded } from '../../../../chaos/model/judge.ts';
import type { PanOutcome } from '../../../../chaos/model/pan-output.ts';
import type { Question } from '../../../../chaos/model/questions.ts';
import { readStory } from '../../../../chaos/model/story.ts';

const scope: Question = { kind: 'scope', scope: { name: 'votes', kind: 'safety', flags: {}, covers: '', depth: 'quick' } };
const removal: GuardRemoval = { without: ['FLOOR'], flags: {}, harm: 'I1', consequence: '', depth: 'quick' };
const guard: Question = { kind: 'guard', removal };
const cyclic: Question = { kind: 'guard', removal: { ...removal, harm: 'cycle' } };
const secondLine: Question = { kind: 'second-line', line: { without: 'T3_STATE', flags: {}, because: '', depth: 'deep' } };
const reachable: Question = { kind: 'reachable', state: { name: 'RE_ENLISTED', flags: {}, shows: '', depth: 'default' } };

const RECORDED: Recorded = { scope: { votes: 100 }, guard: { FLOOR: 2 }, 'second-line': { T3_STATE: 100 }, reachable: { RE_ENLISTED: 1 } };

const complete: Answer = { outcome: { kind: 'complete', states: 100, depth: 9, memoryMb: 1, seconds: 1 }, story: null };
const unusable: Answer = { outcome: { kind: 'unusable', why: 'pan says "out of memory"' }, story: null };
function found(replay: string, what: 'assertion' | 'cycle' = 'assertion'): Answer {
  return { outcome: { kind: 'counterexample', what, states: 50, seconds: 1 } satisfies PanOutcome, story: readStory(replay) };
}
const lost = found('STEP a\nSTEP b\nHARM I1: lost');
const reached = found('STEP a\nREACHED');

describe('as expected are', () => {
  test.each<readonly [string, Question, Answer]>([
    ['a scope without a violation', scope, complete],
    ['harm without a guard', guard, lost],
    ['a cycle without a guard against cycles', cyclic, found('STEP a\nSTEP b', 'cycle')],
    ['no harm without a guard of the second line', secondLine, complete],
    ['a state that is reached', reachable, reached],
  ])('%s', (_, question, answer) => {
    expect(judge(question, answer, RECORDED).problem).toBeNull();
  });
});

describe('a problem is', () => {
  test.each<readonly [string, Question, Answer, string]>([
    ['a violation in a scope', scope, lost, 'VIOLATED: I1, lost'],
    ['a cycle in a scope', scope, found('STEP a', 'cycle'), 'VIOLATED: the healed cluster goes round for ever'],
    ['a search of a scope without a result', scope, unusable, 'no result: pan says "out of memory"'],
    ['a guard that can go without harm', guard, complete, 'no counterexample in 100 states'],
    ['harm of another kind than expected', guard, found('STEP a\nSTEP b\nHARM I5: forked'), 'harm of another kind than I1: I5, forked'],
    [
      'a cycle where a loss was expected',
      guard,
      found('STEP a\nSTEP b', 'cycle'),
      'harm of another kind than I1: the healed cluster goes round for ever',
    ],
    ['a loss where a cycle was expected', cyclic, lost, 'harm of another kind than cycle: I1, lost'],
    ['a search without the guard that has no result', guard, unusable, 'no result: pan says "out of memory"'],
    ['a counterexample that cannot be replayed', guard, { ...lost, story: null }, 'no result: the counterexample cannot be replayed'],
    ['a counterexample whose replay ends too early', guard, found('STEP a'), 'no result: the counterexample cannot be replayed'],
    ['harm without a guard of the second line', secondLine, lost, 'VIOLATED: I1, lost'],
    ['a state that is not reachable', reachable, complete, 'not reachable in 100 states'],
    ['harm on the way to a state', reachable, lost, 'VIOLATED: I1, lost'],
    [
      'another number of states than recorded',
      scope,
      { ...complete, outcome: { ...complete.outcome, states: 99 } as PanOutcome },
      'the model has changed: 99 states, recorded 100',
    ],
    ['another number of steps than recorded', guard, found('STEP a\nHARM I1: lost'), 'the model has changed: 1 steps, recorded 2'],
  ])('%s', (_, question, answer, problem) => {
    expect(judge(question, answer, RECORDED).problem).toBe(problem);
  });

  test('a question nothing was recorded for', () => {
    const empty: Recorded = { scope: {}, guard: {}, 'second-line': {}, reachable: {} };
    expect(judge(scope, complete, empty).problem).toBe('100 states, and nothing recorded to compare with');
  });
});

test('while numbers are recorded anew, the old ones are no problem, but harm still is', () => {
  expect(judge(guard, found('STEP a\nHARM I1: lost'), null)).toMatchObject({ problem: null, steps: 1 });
  expect(judge(scope, lost, null).problem).toBe('VIOLATED: I1, lost');
});
