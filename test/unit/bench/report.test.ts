// What people read: every figure with its median and its largest, nothing where nothing was measured.
import { expect, it } from 'vitest';
import { readOptions } from '../../../bench/options.ts';
import { reportOf, textOf, type Measured } from '../../../bench/report.ts';

const options = readOptions(['--quick']);
const measured: Measured = {
  machine: { processor: 'Some CPU', cores: 4, memoryMb: 8_000, kernel: '6.1', node: 'v20', loadAtStart: 0.25 },
  cores: { proxy: '3', load: '0,1,2', loadCores: 3 },
  options: options!,
  versions: { HAProxy: '2.6.12' },
  rounds: [
    { round: 0, way: 'haproxy', workload: 'COPY in', sample: { kind: 'copy', megabytesPerS: 200, cpuUsPerMegabyte: 500 } },
    { round: 1, way: 'haproxy', workload: 'COPY in', sample: { kind: 'copy', megabytesPerS: 300, cpuUsPerMegabyte: 700 } },
  ],
  idle: [{ proxy: 'pgbaton', sessions: 1_000, rssBytesEmpty: 50e6, rssBytes: 70e6 }],
};

it('tells the machine, the tables and the verdict', () => {
  const text = textOf(reportOf(measured));
  expect(text).toContain('Some CPU, 4 cores, 8000 MB, Linux 6.1, Node.js v20; proxies on processor 3, PostgreSQL and clients on 0,1,2');
  expect(text).toMatch(/\| COPY in +\| haproxy +\| 250 \(300\) +\| 600 \(700\) +\|/);
  expect(text).toMatch(/\| 1000 +\| pgbaton +\| 50\.0 +\| 70\.0 +\| 20\.0 +\| 250 \(reckoned\) +\|/);
  expect(text).toMatch(/COPY in against HAProxy +\| - +\| >= 0\.9 +\| unknown/);
  expect(text).toContain('verdict: unknown');
});

it('has no table of what was left out', () => {
  expect(textOf(reportOf({ ...measured, rounds: [], idle: [], cores: null }))).not.toContain('| workload');
});
