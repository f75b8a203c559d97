// What pgbench prints, as versions 14 to 17 print it.
import { expect, it } from 'vitest';
import { parseLatencies, parseSummary } from '../../../bench/pgbench-output.ts';

const HEAD = `pgbench (15.18)
transaction type: <builtin: select only>
scaling factor: 1
query mode: prepared
number of clients: 16
number of threads: 1
maximum number of tries: 1
duration: 2 s
`;

it('reads transactions, failures and throughput of a run with lasting sessions', () => {
  const text = `${HEAD}number of transactions actually processed: 50725
number of failed transactions: 3 (0.006%)
latency average = 0.630 ms
initial connection time = 30.418 ms
tps = 25363.916718 (without initial connection time)
`;
  expect(parseSummary(text)).toEqual({ transactions: 50_725, failed: 3, tps: 25_363.916718, connectUs: null });
});

it('reads the time to connect of a run with a session for each transaction', () => {
  const text = `${HEAD}number of transactions actually processed: 437
number of failed transactions: 0 (0.000%)
latency average = 36.813 ms
average connection time = 4.603 ms
tps = 217.314159 (including reconnection times)
`;
  expect(parseSummary(text)).toEqual({ transactions: 437, failed: 0, tps: 217.314159, connectUs: 4_603 });
});

it('takes the silence of PostgreSQL 14 about failures for none', () => {
  expect(parseSummary('number of transactions actually processed: 1\ntps = 2.5 (without initial connection time)\n').failed).toBe(0);
});

it.each(['', `${HEAD}number of transactions actually processed: 5\n`, 'tps = 5.0 (excluding connections establishing)\n'])(
  'refuses what is not a summary of a version it knows: %j',
  (text) => {
    expect(() => parseSummary(text)).toThrow(/pgbench of PostgreSQL 14/);
  },
);

it('says that a run without a transaction was too short', () => {
  expect(() => parseSummary('number of transactions actually processed: 0\nnumber of failed transactions: 0 (NaN%)\n')).toThrow(/too busy/);
});

it('reads latencies of several threads together, and counts no failed transaction among them', () => {
  const one = '0 17 250 0 1790000000 1\n1 18 150 0 1790000000 2\n';
  const other = '2 19 failed 0 1790000000 3\n3 20 900 0 1790000000 4\n';
  expect(parseLatencies([one, other])).toEqual({ n: 3, p50Us: 250, p99Us: 900 });
});

it('has no latency where nothing was logged', () => {
  expect(parseLatencies(['', '\n'])).toBeNull();
});
