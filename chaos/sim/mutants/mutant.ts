/**
 * A known bug, switched back in: which guard it takes away, where, and whose bug it was. The simulator has to notice every one, or it would be blind to
 * the next of its kind.
 */
export type Site = {
  /** From the root of the project. */
  readonly file: string;
  /** Stands there exactly once: an expression, or the head of a statement. */
  readonly original: string;
  /** What the bug makes of it. */
  readonly mutated: string;
};

export type Mutant = {
  readonly name: string;
  /** The rule or invariant of PROTOCOL that falls, and the attack (H) or the peer's bug (R) it repeats. */
  readonly guards: string;
  /** What happens then, in one sentence. */
  readonly story: string;
  readonly sites: readonly Site[];
};
