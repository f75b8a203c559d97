/**
 * The words of the write ledger: what a client attempted, and what it knows about the outcome. A row is identified by (writer, seq) and is
 * attempted once only. The ledger must never repeat an attempt: a row that turns up twice is then somebody else's doing.
 */
export type RowKey = `${number}:${number}`;

export type Attempt = {
  readonly writer: number;
  readonly seq: number;
  /** The way it went: `proxy`, `fresh` (a new session through the proxy), or the name of the node it was sent to directly. */
  readonly route: string;
  /** Monotonic ms of the process that wrote. */
  readonly invokedMs: number;
};

/**
 * `ok`: the server acknowledged the commit. `failed`: it is certain that nothing was committed. `unknown`: the statement was on its way when
 * the session broke, or the server warned that it did not wait for the standbys; the row may or may not be there, and neither is a fault.
 */
export type Outcome = 'ok' | 'failed' | 'unknown';

/** What the server said of itself from inside the very transaction. The timeline is one per leadership, so it stands for the epoch. */
export type Served = { readonly server: string; readonly timeline: number; readonly lsn: string; readonly backendPid: number };

export type Entry = Attempt & {
  readonly endedMs: number;
  readonly outcome: Outcome;
  /** Null when no answer told. An acknowledged entry always has it. */
  readonly served: Served | null;
};

export type Row = { readonly writer: number; readonly seq: number };

export function rowKey({ writer, seq }: Row): RowKey {
  return `${writer}:${seq}`;
}
