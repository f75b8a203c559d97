/**
 * The words of the write ledger: what a client attempted, and what it knows about the outcome. A row is identified by (writer, seq) and is
 * attempted once only. The ledger must never repeat an attempt: a row that turns up twice is then somebody else's doing.
 */
export type RowKey = `${number}:${number}`;

export type Attempt = {
  readonly writer: number;
  readonly seq: number;
  /** Monotonic ms of the process that wrote. */
  readonly invokedMs: number;
};

/**
 * `ok`: the server acknowledged the commit. `failed`: it is certain that nothing was committed. `unknown`: the statement was on its way when
 * the session broke; the row may or may not be there, and neither is a fault.
 */
export type Outcome = 'ok' | 'failed' | 'unknown';

export type Entry = Attempt & { readonly endedMs: number; readonly outcome: Outcome };

export type Row = { readonly writer: number; readonly seq: number };

export function rowKey({ writer, seq }: Row): RowKey {
  return `${writer}:${seq}`;
}
