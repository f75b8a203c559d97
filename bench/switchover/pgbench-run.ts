/**
 * What a run of pgbench tells: the log with a line for every transaction, and its own words at the end. Pure. It must never take a client that gave up
 * for one that had nothing to do.
 */
export type Transaction = {
  readonly client: number;
  /** Wall clock of this machine, in milliseconds. */
  readonly beganMs: number;
  readonly endedMs: number;
};

export type Outcome = {
  readonly transactions: number;
  readonly failed: number;
  /** Numbers of the clients whose session ended before the run did. */
  readonly lostClients: readonly number[];
};

const US_PER_MS = 1_000;
const MS_PER_S = 1_000;

/**
 * Each line: client, number, latency in µs, script, second and microsecond of the end. Transactions that failed ("failed" in place of a latency) are
 * left out; the outcome counts them. What is no whole line is the end of a log that was cut off.
 */
export function parseTransactions(log: string): readonly Transaction[] {
  return log.split('\n').flatMap((line) => {
    const found = /^(\d+) \d+ (\d+) \d+ (\d+) (\d+)( |$)/.exec(line);
    if (found === null) return [];
    const [client = 0, latencyUs = 0, second = 0, microsecond = 0] = found.slice(1, 5).map(Number);
    const endedMs = second * MS_PER_S + microsecond / US_PER_MS;
    return [{ client, beganMs: endedMs - latencyUs / US_PER_MS, endedMs }];
  });
}

/** From stdout and stderr together. */
export function parseOutcome(said: string): Outcome {
  const number = (pattern: RegExp): number | null => {
    const found = pattern.exec(said)?.[1];
    return found === undefined ? null : Number(found);
  };
  const transactions = number(/^number of transactions actually processed: (\d+)/m);
  if (transactions === null) throw new Error(`pgbench did not come to its summary: ${said.slice(-1_000)}`);
  const lost = [...said.matchAll(/^pgbench: error: client (\d+) .*\baborted\b/gm)].map(([, client]) => Number(client));
  return {
    transactions,
    // PostgreSQL 14 does not say it: there a transaction that fails ends its client.
    failed: number(/^number of failed transactions: (\d+)/m) ?? 0,
    lostClients: [...new Set(lost)].toSorted((a, b) => a - b),
  };
}
