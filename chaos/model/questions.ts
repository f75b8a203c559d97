/**
 * What one run of the model asks, and the search that answers it. Pure: from the data of scopes, guards and states to defines and search modes. It
 * must never make an exhaustive question out of one that a partial search could answer, or the other way round.
 */
import { GUARD_REMOVALS, type GuardRemoval } from './guards.ts';
import { REACHABLE_STATES, type ReachableState } from './reachable.ts';
import { SECOND_LINES, type SecondLine } from './second-lines.ts';
import { SCOPES, type Depth, type Flags, type Scope } from './scopes.ts';

export type Question =
  | { readonly kind: 'scope'; readonly scope: Scope }
  | { readonly kind: 'guard'; readonly removal: GuardRemoval }
  | { readonly kind: 'second-line'; readonly line: SecondLine }
  | { readonly kind: 'reachable'; readonly state: ReachableState };

/** `all`: every state, depth first. `cycles`: every state twice, for runs without end. `shortest`: breadth first, ends at the first counterexample. */
export type SearchMode = 'all' | 'cycles' | 'shortest';

export type Search = {
  readonly mode: SearchMode;
  readonly defines: readonly string[];
  /** As a hint for the compiler; null: not known. */
  readonly expectedStates: number | null;
};

export function allQuestions(): readonly Question[] {
  return [
    ...SCOPES.map((scope): Question => ({ kind: 'scope', scope })),
    ...GUARD_REMOVALS.map((removal): Question => ({ kind: 'guard', removal })),
    ...SECOND_LINES.map((line): Question => ({ kind: 'second-line', line })),
    ...REACHABLE_STATES.map((state): Question => ({ kind: 'reachable', state })),
  ];
}

/** Every question of the depth and of those below it; or, of all, those with one of the names. */
export function chooseQuestions(depth: Depth, names: readonly string[]): readonly Question[] {
  if (names.length > 0) return allQuestions().filter((question) => namesOf(question).some((name) => names.includes(name)));
  return allQuestions().filter((question) => DEPTHS.indexOf(depthOf(question)) <= DEPTHS.indexOf(depth));
}

const DEPTHS: readonly Depth[] = ['quick', 'default', 'deep'];

function depthOf(question: Question): Depth {
  switch (question.kind) {
    case 'scope':
      return question.scope.depth;
    case 'guard':
      return question.removal.depth;
    case 'second-line':
      return question.line.depth;
    case 'reachable':
      return question.state.depth;
  }
}

/** One name for each question of a kind; guards that are switched off together are joined by +. */
export function nameOf(question: Question): string {
  switch (question.kind) {
    case 'scope':
      return question.scope.name;
    case 'guard':
      return question.removal.without.join('+');
    case 'second-line':
      return question.line.without;
    case 'reachable':
      return question.state.name;
  }
}

/** What may stand behind --only: the name, and each guard of a group. */
export function namesOf(question: Question): readonly string[] {
  return question.kind === 'guard' ? [nameOf(question), ...question.removal.without] : [nameOf(question)];
}

export function guardsOff(question: Question): readonly string[] {
  switch (question.kind) {
    case 'guard':
      return question.removal.without;
    case 'second-line':
      return [question.line.without];
    case 'scope':
    case 'reachable':
      return [];
  }
}

export function flagsOf(question: Question): Flags {
  switch (question.kind) {
    case 'scope':
      return question.scope.flags;
    case 'guard':
      return question.removal.flags;
    case 'second-line':
      return question.line.flags;
    case 'reachable':
      return question.state.flags;
  }
}

export function formatFlags(flags: Flags): string {
  return Object.entries(flags)
    .map(([flag, value]) => `${flag}=${String(value)}`)
    .join(' ');
}

export function isExhaustive(question: Question): boolean {
  return question.kind === 'scope' || question.kind === 'second-line';
}

export function searchFor(question: Question, expectedStates: number | null = null): Search {
  const flags = Object.entries(flagsOf(question)).map(([flag, value]) => `-D${flag}=${String(value)}`);
  const off = guardsOff(question).map((guard) => `-DWITHOUT_${guard}=1`);
  switch (question.kind) {
    case 'scope':
      return question.scope.kind === 'cycles'
        ? { mode: 'cycles', defines: flags, expectedStates }
        : { mode: 'all', defines: [...flags, '-DINVARIANTS=1'], expectedStates };
    case 'guard':
      return { mode: question.removal.harm === 'cycle' ? 'cycles' : 'shortest', defines: [...flags, ...off], expectedStates: null };
    case 'second-line':
      return { mode: 'all', defines: [...flags, ...off], expectedStates };
    case 'reachable':
      return { mode: 'shortest', defines: [...flags, `-DSEEK=${question.state.name}`], expectedStates: null };
  }
}
