/**
 * The guard program: one per data directory, parent of the postmaster. Started by the agent as a session of its own, so that no terminal and
 * no restart of the agent reaches it. It ends itself when there is nothing to guard and nobody asks, and takes PostgreSQL with it whenever
 * it ends otherwise.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { appError, describeError, exitCodeOf, messageOf } from '../../shared/errors.ts';
import { monotonicMs, wallClockIso } from '../../shared/runtime/clock.ts';
import { Guard } from './guard.ts';
import { GuardServer, lockDataDirectory } from './guard-server.ts';
import type { Log } from './log.ts';
import { resolveOsUser } from './os-user.ts';

export type GuardOptions = {
  readonly socketPath: string;
  readonly dataDir: string;
  readonly nodeFilePath: string;
  /** Where the server's output is appended. */
  readonly logPath: string;
  readonly osUser: string | null;
  /** How long a guard without postmaster and without agent stays. */
  readonly idleMs: number;
};

const DEFAULT_IDLE_MS = 30_000;
const IDLE_CHECK_MS = 250;
const IGNORED: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGPIPE'];

/** `--socket … --data-dir … --node-file … --log … [--os-user …] [--idle-ms …]` */
export function parseGuardArguments(argv: readonly string[]): GuardOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      socket: { type: 'string' },
      'data-dir': { type: 'string' },
      'node-file': { type: 'string' },
      log: { type: 'string' },
      'os-user': { type: 'string' },
      'idle-ms': { type: 'string' },
    },
  });
  const needed = (name: 'socket' | 'data-dir' | 'node-file' | 'log'): string => {
    const value = values[name];
    if (value === undefined) throw appError('PGB-1001', `the guard needs --${name}`);
    return value;
  };
  return {
    socketPath: needed('socket'),
    dataDir: needed('data-dir'),
    nodeFilePath: needed('node-file'),
    logPath: needed('log'),
    osUser: values['os-user'] ?? null,
    idleMs: values['idle-ms'] === undefined ? DEFAULT_IDLE_MS : Number(values['idle-ms']),
  };
}

/** Resolves when the guard is done; then nothing of PostgreSQL is left. Rejects when it cannot begin. */
export async function runGuard(options: GuardOptions): Promise<void> {
  process.umask(0o077);
  for (const signal of IGNORED) process.on(signal, () => undefined);
  const lock = await lockDataDirectory(options.dataDir);
  const done = new Promise<string>((resolve) => {
    const guard = new Guard(
      { dataDir: options.dataDir, nodeFilePath: options.nodeFilePath, logPath: options.logPath, osUser: resolveOsUser(options.osUser) },
      toStderr,
      () => server.announce(),
    );
    const server = new GuardServer(guard, toStderr, () => resolve('asked to quit'));
    const end = (why: string): void => {
      guard.shutDown().then(
        () => resolve(why),
        (error: unknown) => resolve(`${why}, and the shutdown failed: ${messageOf(error)}`),
      );
    };
    process.once('SIGTERM', () => end('SIGTERM'));
    // A defect here must not leave a server without a guard. The parent-death signal is the second line.
    process.on('uncaughtException', (error) => {
      toStderr('error', 'guard.crash', { why: messageOf(error), stack: error.stack });
      end('crash');
    });
    watchForIdleness(guard, server, options.idleMs, () => resolve('idle'));
    server.listen(options.socketPath).then(
      () => toStderr('info', 'guard.listening', { socket: options.socketPath, dataDir: options.dataDir, pid: process.pid }),
      (error: unknown) => resolve(`cannot listen: ${messageOf(error)}`),
    );
  });
  toStderr('info', 'guard.end', { why: await done });
  lock.close();
}

function watchForIdleness(guard: Guard, server: GuardServer, idleMs: number, onIdle: () => void): void {
  let busyAtMs = monotonicMs();
  setInterval(() => {
    if (!guard.isIdle() || server.agentCount() > 0) busyAtMs = monotonicMs();
    else if (monotonicMs() - busyAtMs >= idleMs) onIdle();
  }, IDLE_CHECK_MS);
}

// Started with its output appended to a file, so writing never waits for a reader.
const toStderr: Log = (level, event, fields) => {
  process.stderr.write(`${JSON.stringify({ level, time: wallClockIso(), event, ...fields })}\n`);
};

async function runFromCommandLine(): Promise<void> {
  try {
    await runGuard(parseGuardArguments(process.argv.slice(2)));
    process.exit(0);
  } catch (error) {
    toStderr('error', 'guard.failed', { ...describeError(error) });
    process.exit(exitCodeOf(error));
  }
}

const program = process.argv[1];
if (program !== undefined && realpathSync(program) === fileURLToPath(import.meta.url)) await runFromCommandLine();
