/** All of them. */
import { ELECTION_MUTANTS } from './election-mutants.ts';
import { LEADERSHIP_MUTANTS } from './leadership-mutants.ts';
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [...ELECTION_MUTANTS, ...LEADERSHIP_MUTANTS];
