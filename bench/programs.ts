/**
 * Starts and ends the programs of the comparison. Whatever was started is ended again, the last one first; it never signals a process that it
 * did not start itself.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { messageOf } from '../shared/errors.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { sleep } from '../shared/runtime/deadline.ts';

export type Identity = { readonly uid: number; readonly gid: number };

export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** Null: as whoever we are. */
  readonly as: Identity | null;
  readonly cwd: string;
  /** Which processors it may use, as taskset says it; null: all. */
  readonly cpus: string | null;
  readonly openFiles: number;
};

export type Running = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly hasEnded: () => boolean;
  /** Null while it runs, and when a signal ended it. */
  readonly exitCode: () => number | null;
};

/** PostgreSQL takes SIGINT as "now, but in order"; a SIGTERM would make it wait for its clients. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

const STOP_MS = 10_000;
const POLL_MS = 50;
const LOG_TAIL = 2_000;
const OUTPUT_BYTES = 16 << 20;

/** Raises the soft limit, then becomes the rest of the line: the pid that is measured is the program's own. */
const RAISE_LIMIT = 'ulimit -n "$1"; shift; exec "$@"';

export class Programs {
  readonly #running: { readonly child: ChildProcess; readonly signal: StopSignal; readonly running: Running }[] = [];

  start(program: Program, signal: StopSignal = 'SIGTERM'): Running {
    const log = openSync(program.logFile, 'a', 0o644);
    const raised = ['/bin/sh', '-c', RAISE_LIMIT, 'sh', String(program.openFiles), program.command, ...program.args];
    const [command = '', ...args] = program.cpus === null ? raised : ['taskset', '-c', program.cpus, ...raised];
    const child = spawn(command, args, { ...program.as, cwd: program.cwd, env: cleanEnvironment(), stdio: ['ignore', log, log] });
    closeSync(log);
    // Without a listener it would end this process; the program then has no pid, and that is said below.
    child.on('error', () => undefined);
    if (child.pid === undefined) throw new Error(`${program.name} could not be started: ${command}`);
    const running: Running = {
      ...{ name: program.name, pid: child.pid, logFile: program.logFile },
      hasEnded: () => hasEnded(child),
      exitCode: () => child.exitCode,
    };
    this.#running.push({ child, signal, running });
    return running;
  }

  async stop(running: Running): Promise<void> {
    const at = this.#running.findIndex((one) => one.running === running);
    const [found] = at === -1 ? [] : this.#running.splice(at, 1);
    if (found !== undefined) await end(found.child, found.signal);
  }

  async stopAll(): Promise<void> {
    for (const { running } of this.#running.toReversed()) await this.stop(running);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess, signal: StopSignal): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** Waits until it is true; throws when the program has ended, with the last it said, or when the time is over. */
export async function untilReady(
  running: Running,
  isReady: () => Promise<boolean>,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = monotonicMs() + withinMs;
  while (!(await isReady())) {
    signal.throwIfAborted();
    if (running.hasEnded()) throw new Error(`${running.name} has ended: ${tailOf(running.logFile)}`);
    if (monotonicMs() > deadline) throw new Error(`${running.name} is not ready after ${String(withinMs)} ms: ${tailOf(running.logFile)}`);
    await sleep(POLL_MS, signal);
  }
}

function tailOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').slice(-LOG_TAIL);
}

export type Call = {
  readonly command: string;
  readonly args: readonly string[];
  readonly as: Identity | null;
  readonly cwd: string;
  readonly cpus: string | null;
  readonly withinMs: number;
};

/** Runs a client program to its end and returns what it said; throws when it failed. */
export function runToEnd(call: Call, signal: AbortSignal): Promise<string> {
  const line = [...(call.cpus === null ? [] : ['taskset', '-c', call.cpus]), call.command, ...call.args];
  const options = { ...call.as, cwd: call.cwd, env: cleanEnvironment(), timeout: call.withinMs, maxBuffer: OUTPUT_BYTES, signal };
  return new Promise((resolve, reject) => {
    execFile(line[0] ?? '', line.slice(1), options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${call.command} failed: ${stderr.slice(-LOG_TAIL) || messageOf(error)}`, { cause: error }));
    });
  });
}

/** Our own settings configure real nodes and would override the files written here; encryption would be measured instead of the relay. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PGBATON_|PG[A-Z]+$)/.test(name));
  return { ...Object.fromEntries(kept), PGSSLMODE: 'disable', PGGSSENCMODE: 'disable', PGCONNECT_TIMEOUT: '10' };
}
