// What an operator can get wrong, with the real programs: each mistake gives one clear error with a code, and nothing is lost or touched.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sleep } from '../../shared/runtime/deadline.ts';
import {
  AgentProcess,
  BIN_DIR,
  fingerprintOf,
  makeBench,
  makeNode,
  OS_USER,
  removeBench,
  runToEnd,
  type NodeFiles,
} from '../support/agent-process.ts';
import { startEtcd, type EtcdCluster } from '../support/etcd.ts';
import { query, until } from '../support/local-cluster.ts';

const IS_ROOT = process.getuid?.() === 0;
const SERVES_BY_MS = 30_000;
const ALARM_BY_MS = 20_000;

let bench: string;
let etcd: EtcdCluster;
let template: string;
const running: AgentProcess[] = [];

beforeAll(async () => {
  bench = makeBench();
  etcd = await startEtcd({ members: 1 });
  template = join(bench, 'template');
  makeForeignDatabase(template);
});

afterEach(async () => {
  for (const agent of running.splice(0)) await agent.stop();
});

afterAll(async () => {
  await etcd?.stop();
  if (bench !== undefined) removeBench(bench);
});

function start(files: NodeFiles): AgentProcess {
  const agent = new AgentProcess(files);
  running.push(agent);
  return agent;
}

async function node(options: Partial<Parameters<typeof makeNode>[1]> = {}): Promise<NodeFiles> {
  return makeNode(bench, { etcd: etcd.urls, ...options });
}

describe('the configuration file', () => {
  test('unknown keys, wrong values and contradicting timings are all listed with file, line and column, by `config check` and by the agent', async () => {
    const files = await node({
      postgres: { dataDri: '/nowhere' },
      top: { polcy: { mode: 'quorum' }, policy: { ttlMs: 1_000, renewMs: 'soon' } },
    });
    for (const argv of [
      ['config', 'check', files.config],
      ['agent', '--config', files.config],
    ]) {
      const { code, stderr } = await runToEnd(files, argv);
      expect(code).toBe(2);
      expect(stderr).toContain('PGB-1001');
      for (const key of ['dataDri', 'polcy', 'renewMs'])
        expect(stderr).toMatch(new RegExp(`node\\.yaml:${placeOf(files, key)}: [^\\n]*${key}`));
      expect(stderr).toContain('hint:');
    }
    expect(existsSync(files.stateDir)).toBe(false);
  });

  test('contradicting timings alone are refused with the arithmetic', async () => {
    const files = await node({ top: { policy: { ttlMs: 1_500 } } });
    for (const argv of [
      ['config', 'check', files.config],
      ['agent', '--config', files.config],
    ]) {
      const { code, stderr } = await runToEnd(files, argv);
      expect(code).toBe(2);
      expect(stderr).toContain('PGB-1004');
      expect(stderr).toMatch(new RegExp(`node\\.yaml:${placeOf(files, 'ttlMs')}: [^]*is not <`));
    }
    expect(existsSync(files.stateDir)).toBe(false);
  });
});

describe('the machine', () => {
  test('a busy API port ends the agent with PGB-1101', async () => {
    const files = await node();
    const stranger = await listenOn(files.apiPort);
    const { code, stderr } = await runToEnd(files);
    stranger.close();
    expect(code).toBe(2);
    expect(stderr).toMatch(/PGB-1101 .*127\.0\.0\.1:\d+/);
  });

  test('a busy PostgreSQL port is an alarm that does not fill the log, and the node serves when the port is free', async () => {
    const files = await node();
    const stranger = await listenOn(files.pgPort);
    const agent = start(files);
    expect(await agent.untilAlarm('PGB-1101', ALARM_BY_MS)).toContain(`127.0.0.1:${String(files.pgPort)}`);
    const before = agent.lines.length;
    await sleep(6_000);
    expect(agent.lines.length - before).toBeLessThan(10);
    expect(agent.linesWith('PGB-1101 alarm')).toHaveLength(1);
    stranger.close();
    await agent.untilServing(SERVES_BY_MS);
    await until('the alarm is over', 5_000, async () => (await agent.status()).alarms.length === 0);
  });

  test('a missing program of PostgreSQL ends the agent with PGB-1102 and its name', async () => {
    const binDir = join(bench, 'half-bin');
    mkdirSync(binDir);
    for (const program of ['postgres', 'initdb', 'pg_controldata', 'pg_waldump', 'pg_basebackup', 'pg_verifybackup'])
      symlinkSync(join(BIN_DIR, program), join(binDir, program));
    const { code, stderr } = await runToEnd(await node({ postgres: { binDir } }));
    expect(code).toBe(2);
    expect(stderr).toMatch(/PGB-1102 .*half-bin has no pg_rewind/);
  });

  test.runIf(IS_ROOT)('root without a user for PostgreSQL ends the agent with PGB-1103', async () => {
    const files = await node({ postgres: { osUser: null } });
    const { code, stderr } = await runToEnd(files);
    expect(code).toBe(2);
    expect(stderr).toContain('PGB-1103');
    expect(existsSync(files.dataDir)).toBe(false);
  });
});

describe('etcd out of reach', () => {
  test('is said once, in the log and in the status; the agent waits, and goes on when etcd is there', async () => {
    const late = await startEtcd({ members: 1 });
    const [member] = late.members;
    try {
      await member?.kill();
      const files = await node({ etcd: late.urls });
      const agent = start(files);
      expect(await agent.untilAlarm('PGB-1201', ALARM_BY_MS)).toContain(late.urls[0]);
      await sleep(4_000);
      expect(agent.isRunning).toBe(true);
      expect(agent.linesWith('PGB-1201')).toHaveLength(1);
      expect(existsSync(files.dataDir)).toBe(false);
      member?.start();
      await agent.untilServing(SERVES_BY_MS);
      expect((await agent.status()).alarms).toEqual([]);
      expect(agent.linesWith('PGB-1201')).toHaveLength(1);
    } finally {
      await late.stop();
    }
  });
});

describe('a data directory that is not ours', () => {
  test('is not touched when no cluster exists yet and adoption was not asked for', async () => {
    const files = await node();
    await expectUntouched(files, 'PGB-1301', template);
  });

  test('is not touched when the cluster exists and is another', async () => {
    const first = await node();
    const agent = start(first);
    await agent.untilServing(SERVES_BY_MS);
    const files = await node({ name: 'n2', cluster: (await agent.status()).cluster });
    await expectUntouched(files, 'PGB-1301', template);
    expect((await agent.status()).healthy).toBe(true);
  });

  test('is not touched when it appears where our own was', async () => {
    const files = await node();
    const agent = start(files);
    await agent.untilServing(SERVES_BY_MS);
    await agent.stop();
    renameSync(files.dataDir, `${files.dataDir}.ours`);
    await expectUntouched(files, 'PGB-1301', template);
    await running.pop()?.stop();
    rmSync(files.dataDir, { recursive: true });
    renameSync(`${files.dataDir}.ours`, files.dataDir);
    await start(files).untilServing(SERVES_BY_MS);
  });

  test('is not touched when it holds something else than a database', async () => {
    const files = await node();
    const letters = join(bench, 'letters');
    mkdirSync(letters);
    writeFileSync(join(letters, 'to-my-mother.txt'), 'dear');
    await expectUntouched(files, 'PGB-1301', letters);
  });

  test('is left alone while somebody else’s server runs in it', async () => {
    const files = await node({ postgres: { adopt: true } });
    placeDatabase(template, files.dataDir);
    serverOf(files.dataDir, 'start');
    try {
      const agent = start(files);
      await agent.untilAlarm('PGB-1304', ALARM_BY_MS);
      await sleep(2_000);
      expect((await agent.status()).pids.postmaster).toBeNull();
      expect(rowsOf(files.dataDir)).toBe('1000');
    } finally {
      serverOf(files.dataDir, 'stop', 'fast');
    }
    await running.at(-1)?.untilServing(SERVES_BY_MS);
  });

  test('is not touched when it was made by another major version', async () => {
    const old = join(bench, 'old');
    cpSync(template, old, { recursive: true, preserveTimestamps: true });
    writeFileSync(join(old, 'PG_VERSION'), '11\n');
    await expectUntouched(await node({ postgres: { adopt: true } }), 'PGB-1302', old);
  });
});

describe('adoption', () => {
  test('takes over a cleanly stopped database with its rows', async () => {
    const files = await node({ postgres: { adopt: true } });
    placeDatabase(template, files.dataDir);
    const agent = start(files);
    await agent.untilServing(SERVES_BY_MS);
    const uri = files.superuserUri.replace(/:[^:@]*@/, ':before@');
    expect(await query(uri, 'SELECT count(*)::int AS count FROM kept')).toEqual([{ count: 1_000 }]);
    expect((await agent.status()).alarms).toEqual([]);
  });

  test('refuses a database that was not stopped cleanly, and leaves it as it is', async () => {
    const crashed = join(bench, 'crashed');
    cpSync(template, crashed, { recursive: true, preserveTimestamps: true });
    own(crashed);
    serverOf(crashed, 'start');
    serverOf(crashed, 'stop', 'immediate');
    const agent = await expectUntouched(await node({ postgres: { adopt: true } }), 'PGB-1303', crashed);
    const said = agent.linesWith('PGB-1303').length;
    await sleep(4_000);
    expect(agent.linesWith('PGB-1303').length).toBe(said);
  });
});

describe('two agents with one name', () => {
  test('from one file: the second ends with PGB-1305, and the node file of the first is still its own', async () => {
    const files = await node();
    const first = start(files);
    await first.untilServing(SERVES_BY_MS);
    const nodeFile = join(files.stateDir, 'node.pgbaton');
    const before = statSync(nodeFile).ino;
    const { code, stderr } = await runToEnd(files);
    expect(code).toBe(2);
    expect(stderr).toMatch(/PGB-1305 .*already/);
    expect(statSync(nodeFile).ino).toBe(before);
    expect((await first.status()).healthy).toBe(true);
  });

  test('from a copied file on other paths and ports: the second ends with PGB-1305 and has made nothing', async () => {
    const files = await node();
    const first = start(files);
    await first.untilServing(SERVES_BY_MS);
    const before = (await first.status()).pids;
    const copy = await node({ cluster: (await first.status()).cluster });
    const { code, stderr } = await runToEnd(copy);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`PGB-1305 .*n1 answers at http://127.0.0.1:${String(files.apiPort)}`));
    expect(existsSync(copy.dataDir)).toBe(false);
    const after = await first.status();
    expect(after.healthy).toBe(true);
    expect(after.pids).toEqual(before);
  });

  test('when etcd could not be asked at the start: the second ends as soon as it can', async () => {
    const late = await startEtcd({ members: 1 });
    const [member] = late.members;
    try {
      const files = await node({ etcd: late.urls });
      const first = start(files);
      await first.untilServing(SERVES_BY_MS);
      member?.freeze();
      const copy = await node({ etcd: late.urls, cluster: (await first.status()).cluster });
      const second = start(copy);
      await until('the second waits for etcd', ALARM_BY_MS, async () =>
        (await second.status()).alarms.some((alarm) => alarm.startsWith('PGB-1201')),
      );
      member?.thaw();
      expect(await second.ended).toBe(2);
      expect(second.stderr).toContain('PGB-1305');
      expect(existsSync(copy.dataDir)).toBe(false);
      await first.untilServing(SERVES_BY_MS);
    } finally {
      member?.thaw();
      await late.stop();
    }
  });
});

/** Starts the agent on a copy of `source`, waits for the alarm, and a little longer; then the directory must be what it was. */
async function expectUntouched(files: NodeFiles, code: string, source: string): Promise<AgentProcess> {
  placeDatabase(source, files.dataDir);
  const before = fingerprintOf(files.dataDir);
  const agent = start(files);
  await agent.untilAlarm(code, ALARM_BY_MS);
  await sleep(2_000);
  expect((await agent.status()).alarms.filter((alarm) => alarm.startsWith(code))).toHaveLength(1);
  expect((await agent.status()).pids.postmaster).toBeNull();
  expect(fingerprintOf(files.dataDir)).toBe(before);
  return agent;
}

/** `line:column` of a key in the node's file. */
function placeOf(files: NodeFiles, key: string): string {
  const lines = readFileSync(files.config, 'utf8').split('\n');
  const line = lines.findIndex((one) => one.includes(`${key}:`));
  return `${String(line + 1)}:\\d+`;
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function asDatabaseUser(program: string, args: readonly string[]): void {
  const user = OS_USER === null ? [] : ['--reuid', OS_USER, '--regid', OS_USER, '--init-groups'];
  execFileSync('setpriv', [...user, '--', join(BIN_DIR, program), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: '/',
    timeout: 60_000,
  });
}

function own(dir: string): void {
  if (OS_USER !== null) execFileSync('chown', ['-R', OS_USER, dir]);
}

/** Somebody's own database, with rows, cleanly stopped. */
function makeForeignDatabase(dir: string): void {
  const home = join(bench, 'foreign');
  mkdirSync(home);
  chmodSync(home, 0o755);
  own(home);
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, 'before\n', { mode: 0o644 });
  const made = join(home, 'data');
  asDatabaseUser('initdb', ['-D', made, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync']);
  appendFileSync(join(made, 'pg_hba.conf'), 'local all all trust\n');
  writeFileSync(join(made, 'pg_hba.conf'), 'local all all trust\n');
  serverOf(made, 'start');
  psql(made, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id');
  serverOf(made, 'stop', 'fast');
  renameSync(made, dir);
}

function psql(dir: string, sql: string): string {
  const env = { PATH: `${BIN_DIR}:${process.env['PATH'] ?? ''}` };
  return execFileSync('psql', ['-h', dir, '-p', '5432', '-U', 'postgres', '-XAtqc', sql], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

function rowsOf(dir: string): string {
  return psql(dir, 'SELECT count(*) FROM kept');
}

/** pg_ctl on a Unix socket of its own, so that no port is taken. */
function serverOf(dir: string, verb: 'start' | 'stop', mode = 'fast'): void {
  const args = verb === 'start' ? ['-l', join(dir, 'log'), '-o', `-c listen_addresses='' -k ${dir}`] : ['-m', mode];
  asDatabaseUser('pg_ctl', [verb, '-D', dir, '-w', '-s', ...args]);
}

function placeDatabase(source: string, dataDir: string): void {
  execFileSync('cp', ['-a', source, dataDir]);
  own(dataDir);
}
