// The chaos program itself, on real clusters with fixed seeds. Here it is judged whether everything holds; how fast it is, is judged where the
// machine is quiet.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findTool } from '../../cli/local/binaries.ts';
import { freezerFor, freeze, groupOf } from '../../cli/local/freezer.ts';
import { layoutOf } from '../../cli/local/layout.ts';
import { listProcesses } from '../../cli/local/processes.ts';
import { readPlan } from '../../cli/local/plan-file.ts';
import type { Report } from '../../chaos/live/report.ts';
import { TestCluster } from '../support/local-cluster.ts';

const PGBATON = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const MAY_SEPARATE = maySeparate();

type Ended = { readonly code: number | null; readonly stdout: string; readonly lines: readonly string[] };

/** `onLine` may act on the program while it runs. */
async function chaos(args: readonly string[], onLine: (line: string, pid: number) => void = () => undefined): Promise<Ended> {
  const child = spawn(process.execPath, [PGBATON, 'chaos', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    onLine(line, child.pid ?? 0);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, stdout, lines };
}

/** Everything that did not hold, times apart. A report without trials is itself a fault. */
function faultsIn(stdout: string, lines: readonly string[], trials: number): readonly string[] {
  expect(stdout, lines.join('\n')).not.toBe('');
  const report = JSON.parse(stdout) as Report;
  expect(report.trials, lines.join('\n')).toHaveLength(trials);
  const faults = report.rows.flatMap(({ reasons }) => reasons.filter(({ kind }) => kind !== 'slow').map(({ text }) => text));
  return faults.length === 0 ? [] : [...faults, ...lines];
}

describe('chaos on a cluster of processes', () => {
  test('a killed postmaster and a frozen node lose nothing, split nothing, and cost one failover each, whatever is written', async () => {
    const args = ['run', 'postmaster-kill', 'node-freeze', '--trials', '1', '--seed', '1', '--workload', 'all', '--json'];
    const { stdout, lines } = await chaos(args);
    expect(faultsIn(stdout, lines, 2)).toEqual([]);
    const { rows } = JSON.parse(stdout) as Report;
    for (const { workloads } of rows) {
      expect(workloads.map(({ workload }) => workload)).toEqual(['bank', 'list-append']);
      for (const { acknowledged, reads } of workloads) expect(Math.min(acknowledged, reads)).toBeGreaterThan(0);
    }
  });

  test('two random double faults of a fixed seed lose nothing, split nothing, and heal unaided', async () => {
    const { stdout, lines } = await chaos(['random', '--double', '--trials', '2', '--seed', '11', '--json']);
    expect(faultsIn(stdout, lines, 2)).toEqual([]);
  });

  test('an interruption heals what was broken, stops what was started and leaves no directory', async () => {
    const { code, lines } = await chaos(['run', 'standby-freeze', '--trials', '1', '--seed', '1'], (line, pid) => {
      if (/frozen|stopped \(/.test(line)) process.kill(pid, 'SIGINT');
    });
    expect(code, lines.join('\n')).toBe(130);
    expect(leftBehind(madeBy(lines))).toEqual([]);
  });
});

describe('the judge', () => {
  test('finds what a sabotaged cluster lost, says no, and names the lost rows', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgbaton-sabotage-'));
    try {
      const args = ['run', 'sabotage-replication-paused-without-quorum', '--trials', '1', '--seed', '1', '--workload', 'all'];
      const { code, stdout, lines } = await chaos([...args, '--json', '--report', dir]);
      const report = JSON.parse(stdout) as Report;
      const lost = report.trials[0]?.figures?.data?.lost ?? [];
      expect({ code, verdict: report.verdict }, lines.join('\n')).toEqual({ code: 1, verdict: 'fail' });
      // Some hundred a second are acknowledged; a handful could be an accident.
      expect(lost.length, lines.join('\n')).toBeGreaterThan(50);
      expect(report.rows[0]).toMatchObject({ lost: lost.length, duplicated: 0, phantom: 0, split: 0 });
      expect(report.rows[0]?.reasons).toContainEqual({
        kind: 'unsafe',
        text: `trial 1: ${String(lost.length)} acknowledged writes are lost`,
      });
      for (const { workload, flaws } of report.trials[0]?.workloads ?? []) {
        expect(flaws.lost.length, `${workload}\n${lines.join('\n')}`).toBeGreaterThan(5);
        expect(report.rows[0]?.reasons.map(({ text }) => text)).toContain(
          `trial 1: ${workload}: ${String(flaws.lost.length)} acknowledged and lost`,
        );
      }
      expect(report.rows[0]?.workloads).toMatchObject([{ workload: 'bank' }, { workload: 'list-append' }]);
      expect(report.rows[0]?.rpoMs ?? 0).toBeGreaterThan(500);
      expect(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8'))).toEqual(report);
      const page = readFileSync(join(dir, 'report.html'), 'utf8');
      for (const { flaws } of report.trials[0]?.workloads ?? []) for (const what of flaws.lost) expect(page).toContain(`>${what}</span>`);
      for (const { writer } of lost) expect(page).toContain(`data-rows="trials.0.figures.data.lost" data-writer="${String(writer)}"`);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe.runIf(MAY_SEPARATE)('chaos in network namespaces', () => {
  test('a partitioned primary acknowledges nothing, another takes over, and nothing of the network is left', async () => {
    const { stdout, lines } = await chaos([
      'run',
      'partition-primary',
      '--trials',
      '1',
      '--seed',
      '1',
      '--backend',
      'namespaces',
      '--json',
    ]);
    expect(faultsIn(stdout, lines, 1)).toEqual([]);
    expect(leftBehind(madeBy(lines))).toEqual([]);
  });

  test('`local down` takes everything away although a node is frozen and the supervisor is dead', async () => {
    const cluster = await TestCluster.up('apart', ['--namespaces']);
    const plan = readPlan(layoutOf(cluster.dir));
    const made = { id: plan?.id ?? '', dir: cluster.dir };
    try {
      expect(plan?.network?.subnet).toMatch(/^10\./);
      expect(leftBehind(made).length).toBeGreaterThan(10);
      await freeze(groupOf(plan?.freezer ?? '', 'n1'));
      const supervisor = listProcesses().find(({ clusterId, argv }) => clusterId === made.id && argv.includes('supervise'));
      process.kill(supervisor?.pid ?? 0, 'SIGKILL');
    } finally {
      await cluster.down();
    }
    expect(leftBehind(made)).toEqual([]);
  });
});

test.runIf(!MAY_SEPARATE)('network namespaces are not tested: only root with ip, nft and a freezer can make them', () => {
  expect(MAY_SEPARATE).toBe(false);
});

type Made = { readonly id: string; readonly dir: string };

/** The program tells of every cluster that it makes. */
function madeBy(lines: readonly string[]): Made {
  const [, id = '', dir = ''] =
    lines.map((line) => /cluster ([0-9a-f]{16}) runs in (\S+)/.exec(line)).find((found) => found !== null) ?? [];
  expect(id, lines.join('\n')).not.toBe('');
  return { id, dir };
}

/** Whatever is still there of one cluster: its directory, processes, namespaces, interfaces and freezer groups. */
function leftBehind({ id, dir }: Made): readonly string[] {
  const named = (parent: string, part: string): readonly string[] =>
    existsSync(parent)
      ? readdirSync(parent)
          .filter((name) => name.includes(part))
          .map((name) => `${parent}/${name}`)
      : [];
  return [
    ...(existsSync(dir) ? [dir] : []),
    ...listProcesses().flatMap(({ clusterId, pid, argv }) => (clusterId === id ? [`${String(pid)} ${argv.join(' ')}`] : [])),
    ...named('/run/netns', id),
    ...named('/sys/class/net', `pgb${id.slice(0, 8)}`),
    ...named(dirname(freezerFor(id) ?? '/nonexistent/x'), id),
  ];
}

function maySeparate(): boolean {
  if (process.getuid?.() !== 0 || freezerFor('x') === null) return false;
  const name = `pgbaton-probe-${String(process.pid)}`;
  try {
    findTool('nft', process.env);
    const ip = findTool('ip', process.env);
    execFileSync(ip, ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync(ip, ['netns', 'delete', name], { stdio: 'ignore' });
    return true;
  } catch {
    // Root without the right, as in most containers, or without the tools.
    return false;
  }
}
