/** Starting a guard as a session of its own, finding guards that are there, and telling our own server from somebody else's. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine, processesIn } from './process-tree.ts';

export type GuardLaunch = {
  readonly socketPath: string;
  readonly dataDir: string;
  readonly nodeFilePath: string;
  /** Directory for guard.log and postgres.log. */
  readonly logDir: string;
  readonly osUser: string | null;
  /** The rendered postgresql.conf: a server started with it is ours. */
  readonly configFile: string;
  /** Program and first arguments of the guard. Null: main.js beside this file. */
  readonly program: readonly string[] | null;
  /** How long a guard with nothing to guard stays without an agent. */
  readonly idleMs: number;
};

export const GUARD_IDLE_MS = 30_000;

/** Secrets of the agent have no business in the environment of a process that never logs in anywhere. */
const PASSED_ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'LD_LIBRARY_PATH', 'NODE_OPTIONS'] as const;

export function launchGuard(launch: GuardLaunch): ChildProcess {
  mkdirSync(launch.logDir, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(launch.dataDir), { recursive: true });
  const log = openSync(join(launch.logDir, 'guard.log'), 'a', 0o600);
  try {
    const [program = process.execPath, ...first] = launch.program ?? [process.execPath, defaultProgram()];
    const child = spawn(program, [...first, ...argumentsOf(launch)], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      env: environment(),
    });
    child.on('error', () => undefined);
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** Guards that were started for this socket, alive or frozen. */
export function guardProcesses(socketPath: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const words = (commandLine(pid) ?? '').split(' ');
      return pid !== process.pid && words.includes('--socket') && words.includes(socketPath) && words.includes('--node-file');
    });
}

/**
 * Servers in the data directory while no guard is there. `foreign`: a postmaster that was not started with our configuration, for example by
 * a distribution's service. Backends without any postmaster belong to nobody, so they count as ours.
 */
export function strayServers(home: string, configFile: string): 'none' | 'ours' | 'foreign' {
  const titles = processesIn(home).map((pid) => commandLine(pid) ?? '');
  if (titles.length === 0) return 'none';
  const postmasters = titles.filter((title) => !title.startsWith('postgres: '));
  return postmasters.length === 0 || postmasters.some((title) => title.includes(`config_file=${configFile}`)) ? 'ours' : 'foreign';
}

function argumentsOf(launch: GuardLaunch): readonly string[] {
  const { socketPath, dataDir, nodeFilePath, logDir, osUser, idleMs } = launch;
  const user = osUser === null ? [] : ['--os-user', osUser];
  return [
    '--socket',
    socketPath,
    '--data-dir',
    dataDir,
    '--node-file',
    nodeFilePath,
    '--log',
    join(logDir, 'postgres.log'),
    '--idle-ms',
    String(idleMs),
    ...user,
  ];
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(PASSED_ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

// Node 20 runs no TypeScript: sources started by a test runner find the compiled program in dist/.
function defaultProgram(): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../dist/agent/guard/main.js' : './main.js', import.meta.url));
}
