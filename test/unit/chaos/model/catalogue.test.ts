// The data of the program, the macros of the Promela sources and the tables of the README are one.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GUARD_REMOVALS } from '../../../../chaos/model/guards.ts';
import { readGuardSentences } from '../../../../chaos/model/guard-sentences.ts';
import { readPromela, readReadme, readRecorded } from '../../../../chaos/model/model-files.ts';
import { allQuestions, chooseQuestions, flagsOf, isExhaustive, nameOf, searchFor } from '../../../../chaos/model/questions.ts';
import { insertTables, readmeTables } from '../../../../chaos/model/readme-tables.ts';
import { REACHABLE_STATES } from '../../../../chaos/model/reachable.ts';
import { SECOND_LINES } from '../../../../chaos/model/second-lines.ts';

const folder = join(import.meta.dirname, '..', '..', '..', '..', 'chaos', 'model', 'promela');
const sources = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const steps = sources.filter(({ name }) => name !== 'guards.pml').map(({ text }) => text);
const sentences = readGuardSentences(readPromela('guards.pml'));

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted();
}

function namesIn(texts: readonly string[], pattern: RegExp): readonly string[] {
  return unique(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)));
}

describe('the guards', () => {
  const asked = unique([...GUARD_REMOVALS.flatMap(({ without }) => without), ...SECOND_LINES.map(({ without }) => without)]);

  test('that have a macro are those that a run switches off', () => {
    expect(asked.length).toBeGreaterThan(40);
    expect(unique([...sentences.keys()])).toEqual(asked);
  });

  test('all stand somewhere in the steps, and no step names another', () => {
    const used = unique([...namesIn(steps, /\bGUARD\((\w+),/g), ...namesIn(steps, /\bWITHOUT_([A-Z0-9_]+)\b/g)]);
    expect(used).toEqual(asked);
  });

  test('each have a rule of PROTOCOL', () => {
    for (const [guard, { rule }] of sentences)
      expect(rule, guard).toMatch(/^([PTSA]\d+(\.\d+)?|I\d+)(, (([PTSA]\d+(\.\d+)?|I\d+)|running|stopped))*$/);
  });

  test('without a rule and a sentence are refused', () => {
    expect(() => readGuardSentences('#ifndef WITHOUT_FLOOR\n#define WITHOUT_FLOOR 0\n#endif')).toThrow(/rule and a sentence/);
    expect(() => readGuardSentences('')).toThrow(/rule and a sentence/);
  });
});

describe('the sources', () => {
  test('define every flag of every question', () => {
    const flags = unique(allQuestions().flatMap((question) => Object.keys(flagsOf(question))));
    const defined = namesIn([readPromela('state.pml')], /^#ifndef (\w+)$/gm);
    expect(flags.filter((flag) => !defined.includes(flag))).toEqual([]);
    expect(defined.filter((flag) => !flags.includes(flag))).toEqual([]);
  });

  test('define every state that must be reachable', () => {
    expect(namesIn([readPromela('reachable.pml')], /^#define REACHED_(\w+)/gm)).toEqual(unique(REACHABLE_STATES.map(({ name }) => name)));
  });

  test('open with a comment that says what they are for', () => {
    for (const { name, text } of sources) expect(text.startsWith('/*\n * '), name).toBe(true);
  });

  test('have no file of more than 400 lines', () => {
    for (const { name, text } of sources) expect(text.split('\n').length, name).toBeLessThanOrEqual(401);
  });
});

describe('the README', () => {
  test('has the tables of the data', () => {
    const readme = readReadme();
    expect(insertTables(readme, readmeTables(sentences, readRecorded()))).toBe(readme);
  });

  test('with a table that was edited by hand is found out', () => {
    const readme = readReadme().replace('`votes`', '`voters`');
    expect(insertTables(readme, readmeTables(sentences, readRecorded()))).not.toBe(readme);
  });

  test('without the place of a table is refused', () => {
    expect(() => insertTables('# Model', readmeTables(sentences, readRecorded()))).toThrow(/markers/);
  });
});

describe('the questions', () => {
  const questions = allQuestions();

  test('have a recorded number each', () => {
    const recorded = readRecorded();
    expect(questions.filter((question) => recorded[question.kind][nameOf(question)] === undefined).map(nameOf)).toEqual([]);
  });

  test('have names that are unique among their kind', () => {
    const names = questions.map((question) => `${question.kind} ${nameOf(question)}`);
    expect(unique(names)).toHaveLength(names.length);
  });

  test('grow from quick to default to deep', () => {
    const [quick, standard, deep] = (['quick', 'default', 'deep'] as const).map((depth) => chooseQuestions(depth, []));
    expect(quick!.length).toBeGreaterThan(5);
    expect(standard!.length).toBeGreaterThan(quick!.length);
    expect(deep!.length).toBeGreaterThan(standard!.length);
    expect(deep).toHaveLength(questions.length);
    expect(new Set(quick!.map(({ kind }) => kind))).toEqual(new Set(['scope', 'guard', 'reachable']));
  });

  test('can be asked one by one, a guard also where it goes together with another', () => {
    const names = chooseQuestions('quick', ['T5_TIMELINE']).map((question) => `${question.kind} ${nameOf(question)}`);
    expect(names).toEqual(['guard T3_STATE+T5_TIMELINE', 'second-line T5_TIMELINE']);
  });

  test('that must be answered exhaustively are never searched for the shortest way only', () => {
    expect(questions.filter(isExhaustive).length).toBeGreaterThan(20);
    expect(questions.filter(isExhaustive).every((question) => searchFor(question).mode !== 'shortest')).toBe(true);
  });

  test('switch off the guards they name, and a scope none', () => {
    for (const question of questions) {
      const off = searchFor(question).defines.filter((define) => define.startsWith('-DWITHOUT_'));
      const expected = question.kind === 'guard' ? question.removal.without.length : question.kind === 'second-line' ? 1 : 0;
      expect(off, nameOf(question)).toHaveLength(expected);
    }
  });

  test('about safety check all invariants, while harm is left to what a client could notice', () => {
    for (const question of questions) {
      const checks = searchFor(question).defines.includes('-DINVARIANTS=1');
      expect(checks, nameOf(question)).toBe(question.kind === 'scope' && question.scope.kind !== 'cycles');
    }
  });
});
