// One agent as a program, from a configuration file of its own, for tests about what an operator can do wrong. Everything it leaves behind, its guard and
// PostgreSQL included, is ended by `stop`, found by the directory that only this node uses. Needs dist/ (npm test builds it).
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { findOsUser, findPostgresBinDir } from '../../cli/local/binaries.ts';
import { choosePorts } from '../../cli/local/ports.ts';
import type { NodeStatus } from '../../shared/domain/cluster-status.ts';
import { until } from './local-cluster.ts';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const STOP_MS = 15_000;
const SECRETS = ['superuser', 'replication', 'monitor', 'rewind', 'peer'] as const;

export const BIN_DIR = findPostgresBinDir(process.env);
export const OS_USER = findOsUser(process.getuid?.() ?? -1);

export type Tree = { readonly [key: string]: unknown };
export type NodeFiles = {
  readonly name: string;
  readonly dir: string;
  readonly config: string;
  readonly dataDir: string;
  readonly stateDir: string;
  readonly pgPort: number;
  readonly apiPort: number;
  readonly superuserUri: string;
};

export type NodeOptions = {
  readonly name?: string;
  readonly cluster?: string;
  readonly etcd: readonly string[];
  readonly postgres?: Tree;
  readonly top?: Tree;
};

/** A directory that the user of PostgreSQL may enter, short enough for sockets. */
export function makeBench(): string {
  const dir = mkdtempSync('/tmp/pgbaton-bad-');
  chmodSync(dir, 0o755);
  return dir;
}

export async function makeNode(bench: string, options: NodeOptions): Promise<NodeFiles> {
  const name = options.name ?? 'n1';
  const dir = join(bench, `${name}-${randomBytes(3).toString('hex')}`);
  mkdirSync(dir, { mode: 0o755 });
  const secret = (one: string): string => join(dir, `${one}.secret`);
  for (const one of SECRETS) writeFileSync(secret(one), `${one}-0123456789abcdef\n`, { mode: 0o600 });
  const [pgPort = 0, apiPort = 0] = await choosePorts(2);
  const files: NodeFiles = {
    name,
    dir,
    config: join(dir, 'node.yaml'),
    dataDir: join(dir, 'data'),
    stateDir: join(dir, 'state'),
    pgPort,
    apiPort,
    superuserUri: `postgres://postgres:superuser-0123456789abcdef@127.0.0.1:${String(pgPort)}/postgres`,
  };
  const tree = {
    cluster: options.cluster ?? `c${randomBytes(4).toString('hex')}`,
    name,
    etcd: { endpoints: options.etcd },
    api: { host: '127.0.0.1', port: apiPort },
    postgres: {
      dataDir: files.dataDir,
      binDir: BIN_DIR,
      port: pgPort,
      listenAddresses: '127.0.0.1',
      advertiseHost: '127.0.0.1',
      ...(OS_USER === null ? {} : { osUser: OS_USER }),
      ...options.postgres,
    },
    secrets: {
      superuserPasswordFile: secret('superuser'),
      replicationPasswordFile: secret('replication'),
      monitorPasswordFile: secret('monitor'),
      rewindPasswordFile: secret('rewind'),
      peerTokenFile: secret('peer'),
    },
    stateDir: files.stateDir,
    ...options.top,
  };
  writeFileSync(files.config, stringify(tree));
  return files;
}

export class AgentProcess {
  readonly #files: NodeFiles;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly ended: Promise<number | null>;

  constructor(files: NodeFiles, argv: readonly string[] = ['agent', '--config', files.config]) {
    this.#files = files;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PGBATON_')));
    this.#child = spawn(process.execPath, [CLI, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code) => resolve(code));
    });
  }

  /** What an operator sees: errors of the start. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The log so far, a line each. */
  get lines(): readonly string[] {
    return this.#stdout.split('\n').filter((line) => line !== '');
  }

  linesWith(text: string): readonly string[] {
    return this.lines.filter((line) => line.includes(text));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async status(): Promise<NodeStatus> {
    const reply = await fetch(`http://127.0.0.1:${String(this.#files.apiPort)}/status`, { signal: AbortSignal.timeout(2_000) });
    return (await reply.json()) as NodeStatus;
  }

  async untilAlarm(code: string, deadlineMs: number): Promise<string> {
    let found: string | undefined;
    await until(`an alarm ${code}; the log says ${this.lines.slice(-5).join('\n')} ${this.#stderr}`, deadlineMs, async () => {
      found = (await this.status()).alarms.find((alarm) => alarm.startsWith(code));
      return found !== undefined;
    });
    return found ?? '';
  }

  async untilServing(deadlineMs: number): Promise<void> {
    await until('the node serves', deadlineMs, async () => (await this.status()).healthy);
  }

  /** The agent, then its guard, which takes PostgreSQL with it. */
  async stop(): Promise<void> {
    if (this.isRunning) this.#child.kill('SIGTERM');
    await this.ended;
    await until(`nothing of ${this.#files.name} is left`, STOP_MS, async () => {
      const left = processesOf(this.#files.dir);
      for (const pid of left) signal(pid, 'SIGTERM');
      return Promise.resolve(left.length === 0);
    });
  }
}

/** Runs the agent to its end, which has to come by itself. */
export async function runToEnd(
  files: NodeFiles,
  argv?: readonly string[],
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const agent = new AgentProcess(files, argv);
  const timer = setTimeout(() => void agent.stop(), 20_000);
  const code = await agent.ended;
  clearTimeout(timer);
  return { code, stderr: agent.stderr };
}

/** Guards and postmasters carry the node's own directory in their command line. */
function processesOf(dir: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLine(pid).some((word) => word.startsWith(`${dir}/`)));
}

function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split('\0');
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** Every name, mode, time and content below a directory; equal fingerprints mean that nobody touched anything. */
export function fingerprintOf(dir: string): string {
  const hash = createHash('sha256');
  const names = existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }).toSorted() : [];
  for (const name of names) {
    const path = join(dir, name);
    const { mode, mtimeMs, size } = lstatSync(path);
    hash.update(`${name} ${String(mode)} ${String(mtimeMs)} ${String(size)}\n`);
    if (lstatSync(path).isFile()) hash.update(readFileSync(path));
  }
  return `${String(names.length)} ${hash.digest('hex')}`;
}

export function removeBench(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}
