/**
 * The comparison from end to end, as short as it can be: that every workload runs through every proxy and every figure is there. Its figures mean
 * nothing here. The peers are found or fetched as `npm run bench:proxy` does it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { PROXIES, WAYS, WORKLOADS } from '../../../bench/course.ts';
import type { Report } from '../../../bench/report.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..', '..');
const DEADLINE_MS = 400_000;

it.runIf(process.platform === 'linux')('measures every workload through every proxy', { timeout: DEADLINE_MS }, async () => {
  const args = ['--rounds', '1', '--seconds', '2', '--copy-mb', '2', '--idle', '50', '--scale', '1', '--json'];
  const line = [join(root, 'scripts', 'run.mjs'), 'bench-proxy', ...args];
  const { stdout } = await run(process.execPath, line, { cwd: root, timeout: DEADLINE_MS, maxBuffer: 16 << 20 });
  const report = JSON.parse(stdout) as Report;

  expect(report.figures.map(({ workload, way }) => `${workload}: ${way}`)).toEqual(
    WORKLOADS.flatMap(({ name }) => WAYS.map((way) => `${name}: ${way}`)),
  );
  for (const figure of report.figures) {
    const flow = figure.tps ?? figure.megabytesPerS;
    expect(flow?.median, `${figure.workload}, ${figure.way}`).toBeGreaterThan(0);
    expect(figure.failed, `${figure.workload}, ${figure.way}`).toBe(0);
    if (figure.workload.startsWith('select')) expect(figure.p99Us?.n, `${figure.workload}, ${figure.way}`).toBe(1);
    const cpu = figure.cpuUsPerTransaction ?? figure.cpuUsPerMegabyte;
    expect(cpu === null, `${figure.workload}, ${figure.way}`).toBe(figure.way === 'direct');
  }
  expect(report.idle.map(({ proxy, sessions }) => [proxy, sessions])).toEqual(PROXIES.map((proxy) => [proxy, 50]));
  expect(report.acceptance.map(({ verdict }) => verdict)).not.toContain('unknown');
});
