/** Somebody pressed Ctrl-C. Not a failure: everything is cleaned up and the program ends without a verdict. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The cluster did not reach an expected state in time; the message says what was seen. It makes the verdict "fail". */
export class NotReached extends Error {
  override readonly name = 'NotReached';
}

export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted('interrupted');
}
