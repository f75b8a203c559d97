/**
 * Reads the guards' macros: each has its rule and one sentence beside its name, and that is the only place where they stand. Pure.
 */
import { assert } from '../../shared/assert.ts';

export type GuardSentence = { readonly rule: string; readonly sentence: string };

/** From the text of promela/guards.pml, where each macro is followed by a comment "rule: sentence". */
export function readGuardSentences(source: string): ReadonlyMap<string, GuardSentence> {
  const found = [...source.matchAll(/^#ifndef WITHOUT_(\w+) \/\* ([^:*]+): ([^*]+) \*\/$/gm)].map(
    ([, name = '', rule = '', sentence = '']): readonly [string, GuardSentence] => [name, { rule, sentence }],
  );
  const macros = source.match(/^#ifndef WITHOUT_/gm)?.length ?? 0;
  assert(found.length > 0 && found.length === macros, 'every guard has a rule and a sentence');
  return new Map(found);
}

export function sentenceOf(sentences: ReadonlyMap<string, GuardSentence>, guard: string): GuardSentence {
  const sentence = sentences.get(guard);
  assert(sentence !== undefined, `the guard ${guard} has a macro`);
  return sentence;
}

/** The rules of all of them, each once. */
export function rulesOf(sentences: ReadonlyMap<string, GuardSentence>, guards: readonly string[]): string {
  return [...new Set(guards.flatMap((guard) => sentenceOf(sentences, guard).rule.split(', ')))].join(', ');
}
