/**
 * Keeps a list of programs running: whichever ends is started again after a pause that grows while it keeps ending at once. A program on hold
 * stays down. When it is told to stop it leaves the programs running: whoever stops them must be able to do so without it as well.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { messageOf } from '../../shared/errors.ts';
import { monotonicMs, wallClockIso } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';

export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
};

export type KeepRunningOptions = {
  readonly restartAfterMs: number;
  readonly restartAtMostMs: number;
  /** A program that ran for this long is healthy: its next restart waits the shortest pause again. */
  readonly healthyAfterMs: number;
  readonly isOnHold: (name: string) => boolean;
  readonly onPid: (name: string, pid: number | null) => void;
};

export const RESTARTS = { restartAfterMs: 300, restartAtMostMs: 5_000, healthyAfterMs: 3_000 };
const HOLD_POLL_MS = 100;

export async function keepRunning(programs: readonly Program[], options: KeepRunningOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(programs.map((program) => keepOneRunning(program, options, signal)));
}

async function keepOneRunning(program: Program, options: KeepRunningOptions, signal: AbortSignal): Promise<void> {
  let pauseMs = options.restartAfterMs;
  while (!signal.aborted) {
    if (options.isOnHold(program.name)) {
      await sleep(HOLD_POLL_MS, signal);
      continue;
    }
    const startedMs = monotonicMs();
    await runOnce(program, options.onPid, signal);
    if (signal.aborted) return;
    pauseMs = monotonicMs() - startedMs >= options.healthyAfterMs ? options.restartAfterMs : pauseMs;
    await sleep(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, options.restartAtMostMs);
  }
}

/** Resolves when the program has ended, or when it is no longer ours to watch. */
function runOnce(program: Program, onPid: KeepRunningOptions['onPid'], signal: AbortSignal): Promise<void> {
  const log = openSync(program.logFile, 'a', 0o600);
  const child = spawn(program.command, program.args, { detached: true, stdio: ['ignore', log, log], env: program.env });
  onPid(program.name, child.pid ?? null);
  return new Promise((resolve) => {
    const finish = (note: string | null): void => {
      signal.removeEventListener('abort', abandon);
      if (note !== null) writeSync(log, `-- ${wallClockIso()} ${program.name}: ${note}\n`);
      closeSync(log);
      resolve();
    };
    const abandon = (): void => {
      child.removeAllListeners('exit');
      child.unref();
      finish(null);
    };
    child.once('error', (error) => {
      onPid(program.name, null);
      child.removeAllListeners('exit');
      finish(messageOf(error));
    });
    child.once('exit', (code, killedBy) => {
      onPid(program.name, null);
      finish(killedBy === null ? `ended with code ${String(code)}` : `ended by ${killedBy}`);
    });
    if (signal.aborted) abandon();
    else signal.addEventListener('abort', abandon, { once: true });
  });
}
