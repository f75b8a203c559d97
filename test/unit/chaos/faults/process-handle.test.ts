import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { handleOf, isAlive, requireHandle, signalProcess } from '../../../../chaos/faults/process-handle.ts';
import { stop } from '../../../../chaos/faults/signals.ts';
import { until } from '../../../support/until.ts';

let child: ChildProcess | null = null;

function start(): number {
  child = spawn('sleep', ['60'], { stdio: 'ignore' });
  return child.pid ?? 0;
}

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
}

afterEach(() => {
  child?.kill('SIGKILL');
  child = null;
});

describe('a handle of a process', () => {
  it('reaches the process, and nobody once it is gone', async () => {
    const handle = requireHandle(start(), 'sleep');
    expect(isAlive(handle)).toBe(true);
    expect(signalProcess(handle, 'SIGKILL')).toBe(true);
    await until('it is gone', 5_000, () => !isAlive(handle));
    expect(signalProcess(handle, 'SIGKILL')).toBe(false);
    expect(handleOf(handle.pid)).toBeNull();
  });

  it('never reaches whoever was given the pid later', () => {
    const pid = start();
    expect(signalProcess({ pid, bornTicks: '1' }, 'SIGKILL')).toBe(false);
    expect(handleOf(pid)).not.toBeNull();
  });

  it('is refused for what does not run', () => {
    expect(() => requireHandle(null, 'the postmaster')).toThrow('the postmaster does not run');
  });
});

describe('a process that is stopped', () => {
  it('goes on when it is healed, and healing twice does no harm', async () => {
    const pid = start();
    const fault = stop('sleep', () => pid);
    await fault.strike();
    await until('it is stopped', 5_000, () => stateOf(pid) === 'T');
    await fault.heal();
    await until('it goes on', 5_000, () => stateOf(pid) === 'S');
    await fault.heal();
    expect(stateOf(pid)).toBe('S');
  });
});
