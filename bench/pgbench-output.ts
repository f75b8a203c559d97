/** What pgbench says about a run: its summary and the latencies of its log. Pure. It must never take a run that failed in part for a good one. */
import { percentile } from './statistics.ts';

export type PgbenchSummary = {
  readonly transactions: number;
  readonly failed: number;
  readonly tps: number;
  /** Only of runs that connect anew for every transaction. */
  readonly connectUs: number | null;
};

export type Latencies = { readonly n: number; readonly p50Us: number; readonly p99Us: number };

export function parseSummary(text: string): PgbenchSummary {
  const number = (pattern: RegExp): number | null => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? null : Number(found);
  };
  const transactions = number(/^number of transactions actually processed: (\d+)/m);
  if (transactions === 0) throw new Error('pgbench finished no transaction: the machine is too busy for so short a run (--seconds)');
  // One tps line since PostgreSQL 14: "(without initial connection time)", or "(including reconnection times)".
  const tps = number(/^tps = ([\d.]+) \((?:without initial|including reconnection)/m);
  if (transactions === null || tps === null) throw new Error(`this is not the summary of a pgbench of PostgreSQL 14 or newer: ${text}`);
  const connectMs = number(/^average connection time = ([\d.]+) ms/m);
  return {
    transactions,
    tps,
    // PostgreSQL 14 does not say it: there a failed transaction ends the run.
    failed: number(/^number of failed transactions: (\d+)/m) ?? 0,
    connectUs: connectMs === null ? null : connectMs * 1_000,
  };
}

/** Each line of a log: client, transaction, latency in µs, script, and the time. Null: no transaction was logged. */
export function parseLatencies(logs: readonly string[]): Latencies | null {
  const latencies: number[] = [];
  for (const log of logs) {
    for (const line of log.split('\n')) {
      if (line === '') continue;
      const latency = Number(line.split(' ')[2]);
      // "failed" and "skipped" stand there, too; the summary counts them.
      if (Number.isFinite(latency)) latencies.push(latency);
    }
  }
  const sorted = Float64Array.from(latencies).sort();
  const p50Us = percentile(sorted, 0.5);
  const p99Us = percentile(sorted, 0.99);
  return p50Us === null || p99Us === null ? null : { n: sorted.length, p50Us, p99Us };
}
