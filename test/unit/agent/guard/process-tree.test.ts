import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  childrenOf,
  commandLine,
  isAlive,
  killTree,
  NO_TRACES,
  parsePidFile,
  processesIn,
  realDirectory,
  remainsOf,
} from '../../../../agent/guard/process-tree.ts';
import { until } from '../../../support/until.ts';

describe('postmaster.pid', () => {
  it('gives the pid and the shared memory', () => {
    expect(parsePidFile('4711\n/data\n1790000000\n5432\n/run\nlocalhost\n  12345678    196609\nready   \n')).toEqual({
      postmasterPid: 4711,
      sharedMemoryId: 196_609,
    });
  });

  it.each(['', '\n', 'garbage', '0\n', '-5\n', '12abc\n'])('that is damaged (%j) names nobody, and never pid 0', (text) => {
    expect(parsePidFile(text)).toEqual(NO_TRACES);
  });

  it('may be half-written', () => {
    expect(parsePidFile('4711\n/data\n')).toEqual({ postmasterPid: 4711, sharedMemoryId: null });
  });
});

describe('the processes of a directory', () => {
  it('are found by their working directory, killed with their children of other sessions, and then verified gone', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgbaton-tree-'));
    const shell = spawn('/bin/sh', ['-c', 'setsid sh -c "trap : TERM QUIT; while :; do sleep 1000; done" & wait'], {
      cwd: directory,
      stdio: 'ignore',
    });
    const exited = new Promise((resolve) => shell.once('exit', resolve));
    await until('all of them run', 2_000, () => processesIn(realDirectory(directory)).length >= 3);
    expect(childrenOf(process.pid)).toContain(shell.pid);
    expect(commandLine(shell.pid ?? 0)).toMatch(/^\/bin\/sh -c setsid/);
    expect(remainsOf(realDirectory(directory), NO_TRACES).kind).toBe('alive');
    expect(await killTree(realDirectory(directory), { postmasterPid: shell.pid ?? null, sharedMemoryId: null }, 2_000)).toEqual({
      kind: 'none',
    });
    await exited;
    expect(isAlive(shell.pid ?? 0)).toBe(false);
    rmSync(directory, { recursive: true });
  });

  it('are still found after the directory was removed under them, and not after it was renamed away', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgbaton-tree-'));
    const sleeper = spawn('sleep', ['1000'], { cwd: directory, stdio: 'ignore' });
    const home = realDirectory(directory);
    await until('it runs', 2_000, () => processesIn(home).length === 1);
    renameSync(directory, `${directory}.old`);
    expect(processesIn(home)).toEqual([]);
    renameSync(`${directory}.old`, directory);
    rmSync(directory, { recursive: true });
    expect(processesIn(home)).toEqual([sleeper.pid]);
    expect(await killTree(home, NO_TRACES, 2_000)).toEqual({ kind: 'none' });
  });
});
