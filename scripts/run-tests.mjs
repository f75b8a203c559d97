// Runs the vitest projects one after the other and ends with one line: `N passed, N failed`. Fails when anything failed
// and also when nothing ran: a suite that looked at nothing must not pass. Started by run.mjs, which prepares the machine.
//
//   run-tests.mjs [projects] [-- vitest arguments]
//
// PGBATON_TEST_TOTALS=<file> gets "passed failed" appended, for whoever adds up several runs.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const standard = ['unit', 'sim', 'integration', 'e2e'];
const known = [...standard, 'containers', 'browser'];

function vitest(project, reportFile, extra) {
  const args = [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...extra,
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const forward = (signal) => child.kill(signal);
  process.once('SIGTERM', forward);
  process.once('SIGINT', forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', forward);
      process.off('SIGINT', forward);
      resolve({ code, signal });
    });
  });
}

// A file that could not even be loaded, a hook that threw and an error outside every test leave no failed test behind in
// the report. Each of them has to count, or a broken suite would read as "0 failed".
export function countReport(text, exit) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const report = text === undefined ? undefined : JSON.parse(text);
  if (report !== undefined) {
    counts.passed = report.numPassedTests;
    counts.failed = report.numFailedTests;
    counts.skipped = report.numPendingTests + report.numTodoTests;
    const silent = report.testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    );
    counts.failed += silent.length;
  }
  if (exit.code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

function readReport(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // vitest died before writing, or had no test file; its exit code tells the two apart.
  }
}

async function main() {
  const args = process.argv.slice(2);
  const split = args.indexOf('--');
  const projects = split === -1 ? args : args.slice(0, split);
  const extra = split === -1 ? [] : args.slice(split + 1);
  const unknown = projects.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`unknown test project: ${unknown.join(', ')} (there are ${known.join(', ')})\n`);
    process.exitCode = 2;
    return;
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  const dir = mkdtempSync(join(tmpdir(), 'pgbaton-report-'));
  let interrupted = false;
  for (const project of projects.length === 0 ? standard : projects) {
    process.stdout.write(`\n== ${project}\n`);
    const report = join(dir, `${project}.json`);
    const exit = await vitest(project, report, extra);
    const counts = countReport(readReport(report), exit);
    for (const key of Object.keys(total)) total[key] += counts[key];
    interrupted = exit.signal !== null || exit.code === 130;
    if (interrupted) break;
  }
  rmSync(dir, { recursive: true, force: true });
  finish(total, interrupted);
}

function finish(total, interrupted) {
  if (total.skipped > 0) process.stdout.write(`\n${total.skipped} skipped: see above for why\n`);
  if (total.passed + total.failed === 0) process.stdout.write('\nno test ran: that is a failure\n');
  if (process.env['PGBATON_TEST_TOTALS']) appendFileSync(process.env['PGBATON_TEST_TOTALS'], `${total.passed} ${total.failed}\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
  process.exitCode = total.failed > 0 || total.passed === 0 || interrupted ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
