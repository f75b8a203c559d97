/**
 * Everything the comparison needs around the proxies: one PostgreSQL with pgbench's tables, one etcd with the stand-in cluster, a directory. What it
 * starts it ends, and the directory goes with it.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEtcd, findOsUser, findPostgresBinDir, findTool, idsOf } from '../cli/local/binaries.ts';
import { choosePorts } from '../cli/local/ports.ts';
import { HOST } from '../cli/local/plan.ts';
import { openFilesLimit, splitHere, type CoreSplit } from './machine.ts';
import type { Options } from './options.ts';
import { Programs, runToEnd, untilReady, type Identity, type Program } from './programs.ts';
import { StandInCluster } from './stand-in-cluster.ts';

export const USER = 'bench';
const DATABASE = 'postgres';
const START_MS = 60_000;
const MINUTE_MS = 60_000;
/** More than the busiest run has clients, times the proxies that keep theirs. */
const MAX_CONNECTIONS = 600;

export type Peers = { readonly haproxy: string; readonly pgbouncer: string };

export class Stage {
  readonly dir: string;
  readonly programs = new Programs();
  readonly peers: Peers;
  readonly cores: CoreSplit | null;
  readonly openFiles: number;
  readonly signal: AbortSignal;
  readonly cluster: StandInCluster;
  readonly etcdUrl: string;
  readonly serverPort: number;
  /** PostgreSQL and PgBouncer refuse to run as root. */
  readonly as: Identity | null;
  readonly #bin: string;
  readonly #etcd: string;
  readonly #etcdPeerUrl: string;
  readonly #keep: boolean;

  private constructor(options: Options, ports: readonly number[], signal: AbortSignal) {
    const [serverPort = 0, etcdPort = 0, etcdPeerPort = 0] = ports;
    this.peers = { haproxy: findTool('haproxy', process.env), pgbouncer: findTool('pgbouncer', process.env) };
    this.#bin = findPostgresBinDir(process.env);
    this.#etcd = findEtcd(process.env);
    const user = findOsUser(process.getuid?.() ?? -1);
    this.as = user === null ? null : idsOf(user);
    this.cores = options.pin ? splitHere() : null;
    this.openFiles = openFilesLimit();
    this.signal = signal;
    this.serverPort = serverPort;
    this.etcdUrl = `http://${HOST}:${String(etcdPort)}`;
    this.#etcdPeerUrl = `http://${HOST}:${String(etcdPeerPort)}`;
    this.cluster = new StandInCluster(this.etcdUrl);
    this.#keep = options.keep;
    this.dir = mkdtempSync(join(tmpdir(), 'pgbaton-bench-'));
    chmodSync(this.dir, 0o755);
  }

  static async set(options: Options, signal: AbortSignal): Promise<Stage> {
    const stage = new Stage(options, await choosePorts(3), signal);
    try {
      await stage.cluster.listen(HOST);
      // One after the other: were the first to fail alone, the other would go on starting what has just been cleared away.
      await stage.#startEtcd();
      await stage.#startPostgres(options.scale);
    } catch (error) {
      await stage.clear();
      throw error;
    }
    return stage;
  }

  async clear(): Promise<void> {
    await this.cluster.close();
    await this.programs.stopAll();
    if (!this.#keep) rmSync(this.dir, { recursive: true, force: true });
  }

  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  }

  /** What a program of ours is started with, wherever it runs. */
  around(name: string, place: 'proxy' | 'load'): Pick<Program, 'name' | 'logFile' | 'cwd' | 'cpus' | 'openFiles'> {
    return {
      name,
      logFile: join(this.dir, `${name}.log`),
      cwd: this.dir,
      cpus: this.cores?.[place] ?? null,
      openFiles: this.openFiles,
    };
  }

  /** A client program of PostgreSQL, on the load's side. */
  client(program: string, args: readonly string[], withinMs = MINUTE_MS): Promise<string> {
    return this.#tool(join(this.#bin, program), args, withinMs, null);
  }

  /** Where a client finds this port, as options of psql and pgbench. */
  address(port: number): readonly string[] {
    return ['-h', HOST, '-p', String(port), '-U', USER];
  }

  psql(port: number, sql: string): Promise<string> {
    return this.client('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', ...this.address(port), '-d', DATABASE, '-c', sql]);
  }

  pgbench(port: number, args: readonly string[], withinMs: number): Promise<string> {
    return this.client('pgbench', [...args, ...this.address(port), DATABASE], withinMs);
  }

  /** A line for the shell in which `$1` is psql with its address; psql's own output is thrown away. */
  shell(port: number, line: string, args: readonly string[], withinMs: number): Promise<string> {
    const psql = [join(this.#bin, 'psql'), '-Xq', '-v', 'ON_ERROR_STOP=1', ...this.address(port), '-d', DATABASE];
    return this.#tool('/bin/sh', ['-c', line, 'sh', ...args, ...psql], withinMs, null);
  }

  #tool(command: string, args: readonly string[], withinMs: number, as: Identity | null): Promise<string> {
    return runToEnd({ command, args, as, cwd: this.dir, cpus: this.cores?.load ?? null, withinMs }, this.signal);
  }

  async #startEtcd(): Promise<void> {
    const peer = this.#etcdPeerUrl;
    const args = [
      ...['--name', 'bench', '--data-dir', join(this.dir, 'etcd')],
      ...['--listen-client-urls', this.etcdUrl, '--advertise-client-urls', this.etcdUrl],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `bench=${peer}`],
      ...['--log-level', 'warn'],
    ];
    const running = this.programs.start({ ...this.around('etcd', 'load'), command: this.#etcd, args, as: null });
    const isReady = (): Promise<boolean> => this.cluster.lead('throughput', { host: HOST, port: this.serverPort }, this.signal);
    await untilReady(running, isReady, { withinMs: START_MS, signal: this.signal });
  }

  async #startPostgres(scale: number): Promise<void> {
    const home = join(this.dir, 'postgres');
    mkdirSync(home);
    if (this.as !== null) chownSync(home, this.as.uid, this.as.gid);
    const data = join(home, 'data');
    const init = ['-D', data, '-U', USER, '-A', 'trust', '-N', '--no-instructions', '-E', 'UTF8', '--locale=C'];
    await this.#tool(join(this.#bin, 'initdb'), init, MINUTE_MS, this.as);
    const settings = {
      port: this.serverPort,
      listen_addresses: HOST,
      unix_socket_directories: '',
      max_connections: MAX_CONNECTIONS,
      shared_buffers: '256MB',
      fsync: 'off',
      autovacuum: 'off',
      jit: 'off',
    };
    const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`])];
    const program: Program = { ...this.around('postgresql', 'load'), command: join(this.#bin, 'postgres'), args, as: this.as };
    const running = this.programs.start(program, 'SIGINT');
    await untilReady(running, () => this.answers(this.serverPort), { withinMs: START_MS, signal: this.signal });
    await this.pgbench(this.serverPort, ['-i', '-q', '-s', String(scale)], 10 * MINUTE_MS);
    await this.psql(this.serverPort, 'CREATE TABLE sink (line text)');
    await this.psql(this.serverPort, 'VACUUM ANALYZE');
    await this.psql(this.serverPort, 'CHECKPOINT');
  }

  /** Does this port lead to a PostgreSQL? */
  async answers(port: number): Promise<boolean> {
    try {
      return (await this.psql(port, 'SELECT 1')).trim() === '1';
    } catch {
      // Not yet: the caller asks again until its time is over, and then tells the program's own words.
      this.signal.throwIfAborted();
      return false;
    }
  }
}
