/** Goal: a proxy of two processes starts as a whole or not at all, and one that hangs is in nobody's way. Method: real processes, and a store that is not there. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLI_SCRIPT } from '../../../cli/local/programs.ts';
import { isAlive } from '../../../cli/local/processes.ts';
import { freePort, freePorts } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';
import { RawClient, startupPacket } from './raw-client.ts';

/** The tools of the test run are named by variables that are no settings of a proxy. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '' };

type Line = { readonly msg?: string; readonly node?: string; readonly pid?: number; readonly code?: string };

let dir: string;
let file: string;
let ports: { readonly rw: number; readonly ro: number; readonly api: number };
let started: Proxy[];

beforeEach(async () => {
  dir = mkdtempSync('/tmp/pgbaton-it-');
  file = join(dir, 'proxy.yaml');
  ports = { rw: await freePort(), ro: await freePort(), api: await freePorts(2) };
  // Nobody is there: clients are held, which shows who has accepted them.
  const etcd = `{ endpoints: ['http://127.0.0.1:${String(await freePort())}'] }`;
  const { api, ro, rw } = ports;
  writeFileSync(
    file,
    `cluster: test\nid: edge\nworkers: 2\nrwPort: ${String(rw)}\nroPort: ${String(ro)}\napi: { port: ${String(api)} }\netcd: ${etcd}\n`,
  );
  started = [];
});

afterEach(() => {
  for (const { child, pids } of started)
    for (const pid of [child.pid, ...pids()]) if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true });
});

type Proxy = {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly lines: () => readonly Line[];
  readonly errors: () => string;
  /** Of all that have ever spoken. */
  readonly pids: () => readonly number[];
  readonly pidOf: (id: string) => number;
};

function start(): Proxy {
  const child = spawn(process.execPath, [CLI_SCRIPT, 'proxy', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const lines = (): readonly Line[] =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  const proxy: Proxy = {
    child,
    ended: once(child, 'exit').then(([code]) => code as number | null),
    lines,
    errors: () => errors,
    pids: () => [...new Set(lines().flatMap(({ pid }) => (pid === undefined ? [] : [pid])))],
    pidOf: (id) => lines().findLast(({ msg, node }) => msg === 'proxy.started' && node === id)?.pid ?? 0,
  };
  started.push(proxy);
  return proxy;
}

async function startWhole(): Promise<Proxy> {
  const proxy = start();
  await until('both workers have started', 10_000, () => Promise.resolve(['edge.1', 'edge.2'].every((id) => proxy.pidOf(id) > 0)));
  return proxy;
}

async function heldBy(index: number): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${String(ports.api + index)}/status`);
  return ((await reply.json()) as { readonly counts: { readonly held: number } }).counts.held;
}

describe('a proxy of two workers', () => {
  it.each([
    ['the port for clients', () => ports.rw],
    ['the API of the second worker', () => ports.api + 1],
  ])('ends with the code of a port in use, and leaves no process, when %s is taken', async (_, port) => {
    const other = createServer().listen(port(), '127.0.0.1');
    await once(other, 'listening');
    try {
      const proxy = start();
      expect(await proxy.ended).toBe(2);
      expect(proxy.errors()).toMatch(new RegExp(`PGB-1101 .*:${String(port())}`));
      expect(proxy.pids().filter(isAlive)).toEqual([]);
    } finally {
      other.close();
    }
  });

  it('is not started a second time on the same ports', async () => {
    await startWhole();
    const second = start();
    expect(await second.ended).toBe(2);
    expect(second.errors()).toContain('PGB-1101');
  });

  it('lets in every client, and is live, while one worker hangs; killed, that one is replaced', async () => {
    const proxy = await startWhole();
    const hanging = proxy.pidOf('edge.1');
    process.kill(hanging, 'SIGSTOP');
    const clients = Array.from({ length: 8 }, () => new RawClient(ports.rw).send(startupPacket({ user: 'ann' })));
    await until('the other worker has them all', 5_000, async () => (await heldBy(1)) === clients.length);
    expect((await promisify(execFile)(process.execPath, [CLI_SCRIPT, 'healthcheck', '--config', file], { env: ENVIRONMENT })).stdout).toBe(
      'live\n',
    );
    process.kill(hanging, 'SIGKILL');
    await until('it is replaced', 10_000, () => Promise.resolve(![0, hanging].includes(proxy.pidOf('edge.1'))));
    expect(proxy.lines()).toContainEqual(expect.objectContaining({ msg: 'worker.ended', worker: 'edge.1', why: 'was ended by SIGKILL' }));
    expect(await heldBy(1)).toBe(clients.length);
    for (const client of clients) client.close();
    proxy.child.kill('SIGTERM');
    expect(await proxy.ended).toBe(0);
    expect(proxy.pids().filter(isAlive)).toEqual([]);
  });
});
