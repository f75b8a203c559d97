/**
 * Real etcd for tests: any number of members on free loopback ports, in directories that vanish with them. Members can be killed, frozen,
 * thawed and started again. The program is $PGBATON_ETCD, else `etcd` on the PATH.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-ports.ts';
import { until } from './until.ts';

const START_MS = 20_000;
const STOP_MS = 5_000;
const OUTPUT_KEPT = 8_192;

export type EtcdTlsFiles = { readonly ca: string; readonly cert: string; readonly key: string };

export type EtcdOptions = {
  readonly members: number;
  /** Serve clients over TLS and demand a certificate of them. */
  readonly tls?: EtcdTlsFiles;
  readonly extraFlags?: readonly string[];
};

export type EtcdMember = {
  readonly name: string;
  readonly url: string;
  readonly pid: () => number;
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  /** SIGTERM; resolves when the process is gone. */
  readonly stop: () => Promise<void>;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Starts a killed or stopped member on its old data. */
  readonly start: () => void;
};

export type EtcdCluster = {
  readonly members: readonly EtcdMember[];
  readonly urls: readonly string[];
  /** Resolves when every running member answers as healthy. */
  readonly ready: () => Promise<void>;
  /** Kills everything and removes the data. */
  readonly stop: () => Promise<void>;
};

type Plan = {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dir: string;
  readonly flags: readonly string[];
};

export async function startEtcd(options: EtcdOptions): Promise<EtcdCluster> {
  const root = await mkdtemp(join(tmpdir(), 'pgbaton-etcd-'));
  const plans = await plan(options, root);
  const members = plans.map((one) => new Member(one));
  const cluster: EtcdCluster = {
    members,
    urls: members.map((member) => member.url),
    ready: async () => {
      await Promise.all(members.filter((member) => member.isRunning).map((member) => member.ready(options.tls === undefined)));
    },
    stop: async () => {
      await Promise.all(members.map((member) => member.kill()));
      await rm(root, { recursive: true, force: true });
    },
  };
  for (const member of members) member.start();
  try {
    await cluster.ready();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

async function plan(options: EtcdOptions, root: string): Promise<readonly Plan[]> {
  const ports: number[] = [];
  for (let wanted = 0; wanted < options.members * 2; wanted += 1) ports.push(await freePort());
  const scheme = options.tls === undefined ? 'http' : 'https';
  const names = Array.from({ length: options.members }, (_, index) => `m${String(index)}`);
  const peerUrl = (index: number): string => `http://127.0.0.1:${String(ports[index * 2 + 1])}`;
  const initialCluster = names.map((name, index) => `${name}=${peerUrl(index)}`).join(',');
  const tlsFlags =
    options.tls === undefined
      ? []
      : ['--cert-file', options.tls.cert, '--key-file', options.tls.key, '--client-cert-auth', '--trusted-ca-file', options.tls.ca];
  return names.map((name, index) => {
    const clientUrl = `${scheme}://127.0.0.1:${String(ports[index * 2])}`;
    const dir = join(root, name);
    const flags = [
      ...['--name', name, '--data-dir', dir],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl(index), '--initial-advertise-peer-urls', peerUrl(index)],
      ...['--initial-cluster', initialCluster, '--initial-cluster-state', 'new', '--initial-cluster-token', root],
      ...['--heartbeat-interval', '50', '--election-timeout', '500', '--log-level', 'error'],
      ...tlsFlags,
      ...(options.extraFlags ?? []),
    ];
    return { name, clientUrl, peerUrl: peerUrl(index), dir, flags };
  });
}

class Member implements EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly #plan: Plan;
  #process: ChildProcess | null = null;
  #output = '';

  constructor(one: Plan) {
    this.name = one.name;
    this.url = one.clientUrl;
    this.#plan = one;
  }

  get isRunning(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  start(): void {
    if (this.isRunning) return;
    const child = spawn(process.env['PGBATON_ETCD'] ?? 'etcd', this.#plan.flags, {
      env: { PATH: process.env['PATH'] ?? '', ETCDCTL_API: '3', ETCD_UNSUPPORTED_ARCH: process.arch },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => keep(Buffer.from(String(error))));
    this.#process = child;
  }

  pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`etcd ${this.name} does not run`);
    return pid;
  }

  async ready(isPlain: boolean): Promise<void> {
    await until(`etcd ${this.name} is healthy`, START_MS, async () => {
      if (!this.isRunning) throw new Error(`etcd ${this.name} ended: ${this.#output}`);
      // With client certificates demanded, an election that is over is all that can be asked without one.
      if (!isPlain) return this.#isElected();
      const response = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
      return response?.ok === true;
    });
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  freeze(): void {
    process.kill(this.pid(), 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid(), 'SIGCONT');
  }

  async #isElected(): Promise<boolean> {
    const response = await fetch(`${this.#plan.peerUrl}/members`, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
    return response?.ok === true;
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (child === null || !this.isRunning) return;
    child.kill(signal);
    await until(`etcd ${this.name} has ended`, STOP_MS, () => !this.isRunning);
  }
}
