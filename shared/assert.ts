/**
 * Programmer errors. An assertion that fails means an invariant is broken: the process fences its own PostgreSQL first and
 * crashes afterwards (see agent/main.ts). Never use these for things that happen in the field; those are values or AppErrors.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new InvariantError(`broken invariant: ${claim}`);
}

/** The end of an exhaustive switch: compiles only while every case is handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value ${JSON.stringify(value)}`);
}
