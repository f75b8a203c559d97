// A proxy of two workers in front of a real cluster: who gets which session, what happens to them in a move, when a worker dies, and at the end of all.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../../cli/local/processes.ts';
import { cancelKey, encodeCancelRequest } from '../../proxy/wire/backend-key.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { startProxy, type ExtraProxy } from '../support/extra-proxy.ts';
import { kill, TestCluster, until } from '../support/local-cluster.ts';

const SESSIONS_MAX = 60;
const DRAIN_MS = 2_000;

let cluster: TestCluster;
let proxy: ExtraProxy;

type Session = { readonly client: Client; readonly ended: Promise<string> };
const sessions: Session[] = [];

beforeAll(async () => {
  cluster = await TestCluster.up('workers', ['--nodes', '2']);
  await cluster.untilWhole();
  proxy = await startWorkers('edge');
});

afterAll(async () => {
  await Promise.all(sessions.map(async ({ client }) => client.end().catch(() => undefined)));
  await proxy?.stop();
  await cluster?.down();
});

async function startWorkers(id: string): Promise<ExtraProxy> {
  const started = await startProxy(cluster, id, { workers: 2, drainMs: DRAIN_MS });
  await until('both workers serve', 10_000, async () => (await ready(started, 0)) && ready(started, 1));
  return started;
}

async function ready({ apiPort }: ExtraProxy, index: number): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${String(apiPort + index)}/readiness`)).ok;
}

async function counts(index: number): Promise<{ readonly rwSessions: number; readonly moved: number }> {
  const reply = await fetch(`http://127.0.0.1:${String(proxy.apiPort + index)}/status`);
  return ((await reply.json()) as { readonly counts: { readonly rwSessions: number; readonly moved: number } }).counts;
}

async function connected(): Promise<Session> {
  const url = new URL(cluster.uri);
  url.port = String(proxy.rwPort);
  const client = new Client({ connectionString: url.toString() });
  let code = 'no error';
  client.on('error', (error: Error & { code?: string }) => {
    if (error.code !== undefined) code = error.code;
  });
  const ended = new Promise<string>((resolve) => client.once('end', () => resolve(code)));
  await client.connect();
  const session = { client, ended };
  sessions.push(session);
  void ended.then(() => sessions.splice(sessions.indexOf(session), 1));
  return session;
}

/** Which worker accepts is the system's choice, so there may be more of them than one would think. */
async function untilBothHaveSome(): Promise<void> {
  for (let opened = 0; opened < SESSIONS_MAX; opened += 1) {
    await connected();
    const [first, second] = await Promise.all([counts(0), counts(1)]);
    if (first.rwSessions >= 2 && second.rwSessions >= 2) return;
  }
  throw new Error(`one worker took (nearly) all of ${String(SESSIONS_MAX)} sessions`);
}

/** The newest process that spoke under this name. */
function pidOf({ logFile }: ExtraProxy, id: string): number {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  const pids = lines.flatMap((line) => {
    const { msg, node, pid } = (line.startsWith('{') ? JSON.parse(line) : {}) as { msg?: string; node?: string; pid?: number };
    return msg === 'proxy.started' && node === id && pid !== undefined ? [pid] : [];
  });
  return pids.at(-1) ?? 0;
}

function sendCancel({ client }: Session): void {
  const { processID, secretKey } = client as Client & { readonly processID: number; readonly secretKey: number };
  const secret = Buffer.alloc(4);
  secret.writeInt32BE(secretKey);
  const socket = connect(proxy.rwPort, '127.0.0.1', () => socket.write(encodeCancelRequest(cancelKey(processID, secret))));
  socket.on('error', () => undefined);
}

describe('two workers', () => {
  test('share the port, are listed as proxies, and answer to one name or to their own', async () => {
    await untilBothHaveSome();
    const { proxies } = await cluster.list();
    const listed = proxies.filter(({ id }) => id.startsWith('edge')).map(({ id, url }) => [id, new URL(url).port]);
    expect(listed).toEqual([
      ['edge.1', String(proxy.apiPort)],
      ['edge.2', String(proxy.apiPort + 1)],
    ]);
    const idsOf = async (id: string): Promise<readonly string[]> => {
      const { stdout } = await cluster.cli('proxy', 'sessions', '--proxy', id, '-o', 'json');
      return (JSON.parse(stdout) as { readonly proxies: readonly { readonly id: string }[] }).proxies.map((one) => one.id);
    };
    expect(await idsOf('edge')).toEqual(['edge.1', 'edge.2']);
    expect(await idsOf('edge.2')).toEqual(['edge.2']);
  });

  test('both move their sessions, and a cancel request finds a moved session whichever of them it reaches', async () => {
    expect((await cluster.cli('switchover', '--yes')).code).toBe(0);
    for (const { client } of sessions) expect((await client.query('select pg_is_in_recovery() as r')).rows).toEqual([{ r: false }]);
    const [first, second] = await Promise.all([counts(0), counts(1)]);
    expect(first.moved).toBeGreaterThanOrEqual(2);
    expect(second.moved).toBeGreaterThanOrEqual(2);
    expect(first.moved + second.moved).toBe(sessions.length);
    // One request for each of many sessions: about half of them reach the worker that does not have the session.
    const startedMs = monotonicMs();
    await Promise.all(
      sessions.map(async (session) => {
        const slept = expect(session.client.query('select pg_sleep(30)')).rejects.toMatchObject({ code: '57014' });
        setTimeout(() => {
          sendCancel(session);
        }, 300);
        await slept;
      }),
    );
    expect(monotonicMs() - startedMs).toBeLessThan(5_000);
  });

  test('when one is killed, the other goes on, and the killed one comes back', async () => {
    const [kept, lost] = await Promise.all([counts(0), counts(1)]);
    const pid = pidOf(proxy, 'edge.2');
    const all = [...sessions];
    kill(pid, 'SIGKILL');
    await until('its sessions have ended', 5_000, () => Promise.resolve(sessions.length === all.length - lost.rwSessions));
    expect(sessions).toHaveLength(kept.rwSessions);
    for (const { client } of sessions) expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await connected();
    await until('another worker is in its place', 10_000, async () => pidOf(proxy, 'edge.2') !== pid && ready(proxy, 1));
    await untilBothHaveSome();
  });

  test('SIGTERM to the supervisor and to both at once, as a service manager sends it, lets all sessions work on for their time', async () => {
    const pids = [proxy.pid, pidOf(proxy, 'edge.1'), pidOf(proxy, 'edge.2')];
    const all = [...sessions];
    const startedMs = monotonicMs();
    for (const pid of pids) kill(pid, 'SIGTERM');
    await until('nobody is let in', 1_000, async () => isRefused(proxy.rwPort));
    for (const { client } of all) expect((await client.query('select 3 as three')).rows).toEqual([{ three: 3 }]);
    const codes = await Promise.all(all.map(async ({ ended }) => ended));
    expect(new Set(codes)).toEqual(new Set(['57P01']));
    expect(monotonicMs() - startedMs).toBeGreaterThan(DRAIN_MS - 200);
    expect(await proxy.ended).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('a second SIGTERM cuts at once what the first has left', async () => {
    proxy = await startWorkers('hasty');
    await untilBothHaveSome();
    const all = [...sessions];
    const startedMs = monotonicMs();
    kill(proxy.pid, 'SIGTERM');
    await until('nobody is let in', 1_000, async () => isRefused(proxy.rwPort));
    kill(proxy.pid, 'SIGTERM');
    const codes = await Promise.all(all.map(async ({ ended }) => ended));
    expect(new Set(codes)).toEqual(new Set(['57P01']));
    expect(monotonicMs() - startedMs).toBeLessThan(DRAIN_MS - 200);
    expect(await proxy.ended).toBe(0);
  });

  test('when the supervisor is killed, the workers drain and end, and all ports are free for a successor at once', async () => {
    proxy = await startWorkers('orphans');
    await untilBothHaveSome();
    const pids = [pidOf(proxy, 'orphans.1'), pidOf(proxy, 'orphans.2')];
    const all = [...sessions];
    kill(proxy.pid, 'SIGKILL');
    await proxy.ended;
    for (const { client } of all) expect((await client.query('select 4 as four')).rows).toEqual([{ four: 4 }]);
    for (const port of [proxy.rwPort, proxy.roPort, proxy.apiPort, proxy.apiPort + 1])
      await until(`port ${String(port)} is free`, DRAIN_MS / 2, async () => isRefused(port));
    const codes = await Promise.all(all.map(async ({ ended }) => ended));
    expect(new Set(codes)).toEqual(new Set(['57P01']));
    await until('no worker is left', 5_000, () => Promise.resolve(!pids.some(isAlive)));
  });
});

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => {
      resolve(true);
    });
  });
}
