/**
 * What a session is, apart from its connection: all that has to be made again on another server for its client not to notice. A value. What
 * cannot be made again is not in here: such a session is cut, and `why` says to an operator what it was.
 */
export type Setting = { readonly name: string; readonly value: string };

export type Prepared = {
  readonly name: string;
  /** Of an SQL PREPARE this is the whole text that it was part of. */
  readonly text: string;
  readonly bySql: boolean;
  readonly types: readonly number[];
};

/** All texts are latin1: the bytes of the client's encoding. The lists are in the order of their names. */
export type SessionState = {
  readonly kind: 'state';
  readonly settings: readonly Setting[];
  readonly prepared: readonly Prepared[];
  /** 'none': it has not been set. */
  readonly role: string;
  /** As SHOW says it. */
  readonly statementTimeout: string;
  /** The whole Parse message of the unnamed statement. */
  readonly unnamed: string | null;
};

export type Cut = { readonly kind: 'cut'; readonly why: string };

export function cut(why: string): Cut {
  return { kind: 'cut', why };
}

/** Whether what was replayed of `one` serves `other` as well. */
export function isSame(one: SessionState, other: SessionState): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
