// The verdict of a run. It is "pass" only when every question was answered as expected.
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../../chaos/model/judge.ts';
import { findingLine, storyLines, summarize, toJsonReport, widthsOf } from '../../../../chaos/model/report.ts';
import { readStory } from '../../../../chaos/model/story.ts';

const sentences = new Map([['FLOOR', { rule: 'P5.5', sentence: 'a claimant contains the floor.' }]]);
const lost = readStory('STEP P4: @n1 promises\nHARM I1: a write is lost');
const numbers = { states: 100, steps: null, seconds: 1.25, memoryMb: 3, story: null, problem: null };
const scope: Finding = {
  ...numbers,
  question: { kind: 'scope', scope: { name: 'votes', kind: 'safety', flags: { WRITES: 2, EPOCHS: 3 }, covers: '', depth: 'quick' } },
};
const guard: Finding = {
  ...numbers,
  question: { kind: 'guard', removal: { without: ['FLOOR'], flags: { EPOCHS: 3 }, harm: 'I1', consequence: '', depth: 'quick' } },
  steps: 1,
  story: lost,
};
const reachable: Finding = {
  ...numbers,
  question: { kind: 'reachable', state: { name: 'RE_ENLISTED', flags: {}, shows: '', depth: 'quick' } },
  steps: 1,
  story: readStory('STEP a\nREACHED'),
};

describe('the verdict', () => {
  test('is pass when every question was answered as expected', () => {
    expect(summarize([scope, guard, reachable], 3)).toMatchObject({
      verdict: 'pass',
      violations: 0,
      guardsWithoutCounterexample: [],
      unreached: [],
      problems: [],
    });
  });

  test('is fail when nothing was asked', () => {
    expect(summarize([], 0).verdict).toBe('fail');
  });

  test('is fail when a question was left unanswered', () => {
    expect(summarize([scope], 2)).toMatchObject({ verdict: 'fail', line: expect.stringContaining('only 1 of 2') as string });
  });

  test('is fail with a violation, and counts it', () => {
    const violated: Finding = { ...scope, steps: 1, story: lost, problem: 'VIOLATED: I1, a write is lost' };
    expect(summarize([violated, guard], 2)).toMatchObject({
      verdict: 'fail',
      violations: 1,
      problems: ['votes: VIOLATED: I1, a write is lost'],
    });
  });

  test('is fail with a guard that can go, and names it', () => {
    const harmless: Finding = { ...guard, steps: null, story: null, problem: 'no counterexample in 100 states' };
    expect(summarize([scope, harmless], 2)).toMatchObject({ verdict: 'fail', violations: 0, guardsWithoutCounterexample: ['FLOOR'] });
  });

  test('is fail with a state that is not reachable, and names it', () => {
    const never: Finding = { ...reachable, steps: null, story: null, problem: 'not reachable in 100 states' };
    expect(summarize([never], 1)).toMatchObject({ verdict: 'fail', unreached: ['RE_ENLISTED'] });
  });

  test('is fail with a search without a result, which is no violation', () => {
    const cut: Finding = { ...scope, states: null, problem: 'no result: pan says "out of memory"' };
    expect(summarize([cut], 1)).toMatchObject({ verdict: 'fail', violations: 0 });
  });
});

test('a line has name, rule, scope, states, steps, seconds and verdict', () => {
  const widths = widthsOf([scope.question, guard.question], sentences);
  expect(
    findingLine(guard, widths, sentences)
      .trim()
      .split(/\s{2,}/),
  ).toEqual(['FLOOR', 'P5.5', 'EPOCHS=3', '100', '1', '1.3', 'I1 violated, as it must be']);
  expect(
    findingLine(scope, widths, sentences)
      .trim()
      .split(/\s{2,}/),
  ).toEqual(['votes', 'WRITES=2 EPOCHS=3', '100', '-', '1.3', 'no violation']);
});

test('a story tells first what was switched off', () => {
  expect(storyLines(guard, sentences)).toEqual([
    '',
    'FLOOR, EPOCHS=3',
    '  without FLOOR (P5.5: a claimant contains the floor.)',
    '    1  P4: b promises',
    '  ===  I1: a write is lost',
  ]);
  expect(storyLines(scope, sentences)).toEqual([]);
});

test('the JSON report sorts the findings by kind', () => {
  const report = toJsonReport([scope, guard, reachable], summarize([scope, guard, reachable], 3), sentences);
  expect(report).toMatchObject({
    verdict: 'pass',
    violations: 0,
    guardsWithoutCounterexample: [],
    scopes: [{ name: 'votes', states: 100, problem: null }],
    guards: [{ name: 'FLOOR', rule: 'P5.5', steps: 1, harm: 'I1' }],
    secondLines: [],
    reachable: [{ name: 'RE_ENLISTED' }],
  });
});
