// What pgbench writes down and says, as versions 14 to 17 do.
import { describe, expect, it } from 'vitest';
import { parseOutcome, parseTransactions } from '../../../../bench/switchover/pgbench-run.ts';

describe('the log', () => {
  it('tells of each transaction who ran it, and from when to when', () => {
    expect(parseTransactions('3 17 250000 0 1790000000 500000\n')).toEqual([
      { client: 3, beganMs: 1_790_000_000_250, endedMs: 1_790_000_000_500 },
    ]);
  });

  it('is read with the retries that newer versions can add, and without transactions that failed', () => {
    const log = '0 1 1000 0 1790000000 1000 0\n1 2 failed 0 1790000000 2000\n2 3 2000 0 1790000000 2000\n';
    expect(parseTransactions(log).map(({ client }) => client)).toEqual([0, 2]);
  });

  it('may be cut off in the middle of a line', () => {
    expect(parseTransactions('0 1 1000 0 1790000000 1000\n1 2 10')).toHaveLength(1);
    expect(parseTransactions('')).toEqual([]);
  });
});

const SUMMARY = `transaction type: <builtin: TPC-B (sort of)>
number of clients: 8
number of transactions actually processed: 3631
number of failed transactions: 2 (0.055%)
tps = 726.1 (without initial connection time)
`;
const LOST = `pgbench: error: client 5 script 0 aborted in command 4 query 0: FATAL:  terminating connection due to administrator command
pgbench: error: client 1 aborted in command 10 (SQL) of script 0; perhaps the backend died while processing
pgbench: error: client 1 script 0 aborted in command 10 query 0: server closed the connection unexpectedly
pgbench: error: Run was aborted; the above results are incomplete.
`;

describe('its own words', () => {
  it('count what was done and what failed', () => {
    expect(parseOutcome(SUMMARY)).toEqual({ transactions: 3_631, failed: 2, lostClients: [] });
  });

  it('name every client that gave up, each once', () => {
    expect(parseOutcome(LOST + SUMMARY).lostClients).toEqual([1, 5]);
  });

  it('say nothing of failures in PostgreSQL 14, where a transaction that fails ends its client', () => {
    expect(parseOutcome('number of transactions actually processed: 0\n').failed).toBe(0);
  });

  it('are not taken for a result when there is no summary', () => {
    expect(() => parseOutcome('pgbench: error: connection to server failed\n')).toThrow(/connection to server failed/);
  });
});
