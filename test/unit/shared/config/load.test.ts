import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Env } from '../../../../shared/config/env-override.ts';
import { loadNodeConfig, loadProxyConfig } from '../../../../shared/config/load.ts';
import { DEFAULT_HBA } from '../../../../shared/config/node-config.ts';
import { DEFAULT_POLICY } from '../../../../shared/domain/policy.ts';
import { AppError } from '../../../../shared/errors.ts';

const NODE = `cluster: main
name: pg1
etcd:
  endpoints: [http://127.0.0.1:2379]
postgres:
  dataDir: data
  advertiseHost: 127.0.0.1
secrets:
  superuserPasswordFile: superuser
  replicationPasswordFile: replication
  monitorPasswordFile: monitor
  rewindPasswordFile: rewind
  peerTokenFile: peer
stateDir: state
`;
const PROXY = `cluster: main
id: proxy1
etcd:
  endpoints: [http://127.0.0.1:2379]
`;

let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cfg-'));
  for (const name of ['superuser', 'replication', 'monitor', 'rewind', 'peer'])
    writeFileSync(join(dir, name), `${name}-password-0123456789\n`, { mode: 0o600 });
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

function file(text: string): string {
  const path = join(dir, 'node.yaml');
  writeFileSync(path, text);
  return path;
}

function node(text: string, env: Env = {}): ReturnType<typeof loadNodeConfig> {
  return loadNodeConfig(file(text), env);
}

function errorOf(load: () => unknown): AppError {
  try {
    load();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a complete node file', () => {
  it('is filled up with the defaults', () => {
    const config = node(NODE);
    expect(config).toMatchObject({
      cluster: 'main',
      name: 'pg1',
      etcd: { endpoints: ['http://127.0.0.1:2379'], username: null, password: null, caFile: null, certFile: null, keyFile: null },
      api: { host: '127.0.0.1', port: 8008, advertiseUrl: 'http://127.0.0.1:8008' },
      stateDir: join(dir, 'state'),
      runDir: join(dir, 'state/run'),
      policy: DEFAULT_POLICY,
      priority: 50,
      log: { level: 'info' },
    });
    expect(config.postgres).toEqual({
      dataDir: join(dir, 'data'),
      binDir: null,
      listenAddresses: 'localhost',
      port: 5432,
      advertiseHost: '127.0.0.1',
      parameters: {},
      hba: DEFAULT_HBA,
      osUser: null,
      baseConfigFile: null,
      adopt: false,
      initialize: true,
      walSegmentSizeMb: 16,
    });
    expect(config.secrets.peerToken).toBe('peer-password-0123456789');
  });

  it('takes client settings as PostgreSQL writes them', () => {
    const text = NODE.replace(
      '  dataDir: data',
      '  dataDir: data\n  parameters: { Max_Connections: 200, jit: false, work_mem: 64MB, app.x: 1 }',
    );
    expect(node(text).postgres.parameters).toEqual({ max_connections: '200', jit: 'off', work_mem: '64MB', 'app.x': '1' });
  });

  it('treats a section without content as not set', () => {
    expect(node(`${NODE}policy:\nlog:\n`).policy).toEqual(DEFAULT_POLICY);
  });

  it('writes IPv6 addresses into URLs in brackets', () => {
    expect(node(NODE.replace('advertiseHost: 127.0.0.1', 'advertiseHost: "::1"')).api.advertiseUrl).toBe('http://[::1]:8008');
  });
});

describe('faults', () => {
  it('are all told at once, in the order of the file, each with line, column and caret', () => {
    const text = NODE.replace('name: pg1', 'name: PG_1')
      .replace('  dataDir: data', '  dataDri: data\n  port: many')
      .replace('stateDir: state\n', '');
    const error = errorOf(() => node(text));
    expect(error.code).toBe('PGB-1001');
    const path = join(dir, 'node.yaml');
    expect(error.message).toContain('5 faults');
    expect(error.message).toContain(`${path}:2:7: name must be 1 to 40 characters`);
    expect(error.message).toContain(`${path}:6:3: postgres has no key \`dataDri\`; did you mean \`dataDir\`?`);
    expect(error.message).toContain(`> 6 |   dataDri: data\n    |   ^^^^^^^\n`);
    expect(error.message).toContain(`${path}:7:9: postgres.port must be a number, not text`);
    expect(error.message).toContain(`${path}:5:1: postgres.dataDir is missing`);
    expect(error.message).toContain(`${path}:1:1: stateDir is missing`);
    expect(error.message.indexOf(':2:7:')).toBeLessThan(error.message.indexOf(':6:3:'));
  });

  it('name the section of a key that stands in the wrong place', () => {
    expect(errorOf(() => node(`${NODE}dataDir: elsewhere\n`)).message).toContain('did you mean `postgres.dataDir`?');
  });

  it('suggest the closest choice', () => {
    expect(errorOf(() => node(`${NODE}policy:\n  mode: quorom\n`)).message).toContain(
      'must be one of quorum, async; did you mean `quorum`?',
    );
  });

  it('of YAML itself are shown with their line', () => {
    const error = errorOf(() => node(`${NODE}stateDir: again\n`));
    expect(error.message).toMatch(/node\.yaml:15:1: Map keys must be unique/);
  });

  it('of an empty file name everything that is required', () => {
    const { message } = errorOf(() => node(''));
    for (const key of ['cluster', 'name', 'etcd', 'postgres', 'stateDir', 'secrets.peerTokenFile'])
      expect(message).toContain(`${key} is missing`);
  });

  it('of a file that is no mapping are told as such', () => {
    expect(errorOf(() => node('- a\n- b\n')).message).toContain('must be a section with keys, not a list');
  });

  it('of a missing file have a code of their own', () => {
    expect(errorOf(() => loadNodeConfig(join(dir, 'absent.yaml'), {})).code).toBe('PGB-1002');
    expect(errorOf(() => loadNodeConfig(dir, {})).code).toBe('PGB-1002');
  });
});

describe('rules between keys', () => {
  it.each([
    ['stateDir inside the data directory', NODE.replace('stateDir: state', 'stateDir: data/state'), 'stateDir is inside postgres.dataDir'],
    ['one port for two servers', `${NODE}api: { port: 5432 }\n`, 'api.port and postgres.port are both 5432'],
    [
      'an address for others while listening on loopback',
      NODE.replace('advertiseHost: 127.0.0.1', 'advertiseHost: 10.0.0.1'),
      'others are told to reach 10.0.0.1',
    ],
    ['a socket directory too long for sockets', `${NODE}runDir: /${'x'.repeat(90)}\n`, 'longer than 80 bytes'],
    ['a user without a password', NODE.replace('etcd:', 'etcd:\n  username: root'), 'etcd.username needs etcd.passwordFile'],
    ['certificates over plain http', NODE.replace('etcd:', 'etcd:\n  caFile: superuser'), 'etcd.endpoints are plain http'],
    [
      'a certificate without its key',
      NODE.replace('http:', 'https:').replace('etcd:', 'etcd:\n  certFile: superuser'),
      'etcd.certFile needs etcd.keyFile',
    ],
    [
      'a certificate that is not there',
      NODE.replace('http:', 'https:').replace('etcd:', 'etcd:\n  caFile: nowhere'),
      'nowhere cannot be read',
    ],
    ['a mix of http and https', NODE.replace('[http://127.0.0.1:2379]', '[http://a:1, https://b:1]'), 'mixes http and https'],
    ['an owned setting', NODE.replace('  dataDir: data', '  dataDir: data\n  parameters: { FSYNC: off }'), 'fsync belongs to pgbaton'],
    [
      'a trusting hba line',
      NODE.replace('  dataDir: data', '  dataDir: data\n  hba: [host all all all trust]'),
      'method `trust` is refused',
    ],
    ['a WAL segment of odd size', NODE.replace('  dataDir: data', '  dataDir: data\n  walSegmentSizeMb: 48'), 'must be a power of two'],
  ])('refuse %s', (_, text, message) => {
    expect(errorOf(() => node(text)).message).toContain(message);
  });

  it('are checked although another section is faulty', () => {
    const { message } = errorOf(() => node(`${NODE.replace('name: pg1', 'name: "?"')}api: { port: 5432 }\n`));
    expect(message).toContain('2 faults');
    expect(message).toContain('both 5432');
  });

  it('let addresses for others pass when the servers listen there', () => {
    const text = `${NODE.replace('advertiseHost: 127.0.0.1', 'advertiseHost: 10.0.0.1\n  listenAddresses: localhost, 10.0.0.1')}api: { host: 0.0.0.0 }\n`;
    expect(node(text).api.advertiseUrl).toBe('http://10.0.0.1:8008');
  });
});

describe('timing relations', () => {
  it('that do not hold are refused at the first key that takes part, with the arithmetic', () => {
    const error = errorOf(() => node(`${NODE}policy:\n  ttlMs: 2500\n`));
    expect(error.code).toBe('PGB-1004');
    expect(error.message).toContain('node.yaml:16:3: renewMs + 2 × etcdCallMs + killMs + marginMs < ttlMs');
    expect(error.message).toContain('2550 is not < 2500');
    expect(error.message).toContain('ttlMs = 2500');
  });

  it('name the variable when a variable broke them', () => {
    expect(errorOf(() => node(NODE, { PGBATON_POLICY_HEARTBEAT_MS: '700' })).message).toContain(
      'environment PGBATON_POLICY_HEARTBEAT_MS: 4 × heartbeatMs',
    );
  });

  it('are checked beside other faults, but not on values that cannot be read', () => {
    const { code, message } = errorOf(() => node(`${NODE}policy:\n  ttlMs: soon\n  heartbeatMs: 700\n`));
    expect(code).toBe('PGB-1001');
    expect(message).toContain('2 faults');
    expect(message).not.toContain('renewMs + 2');
  });

  it('hold for the defaults', () => {
    expect(node(NODE).policy).toEqual(DEFAULT_POLICY);
  });
});

describe('the environment', () => {
  it('replaces single values, with the type of the key', () => {
    const config = node(NODE, {
      PGBATON_POSTGRES_PORT: '6000',
      PGBATON_ETCD_ENDPOINTS: 'http://a:1, http://b:2/',
      PGBATON_POSTGRES_ADOPT: 'true',
      PGBATON_POLICY_CLOCK_DRIFT: '0.05',
      PGBATON_POSTGRES_PARAMETERS: '{"work_mem":"8MB"}',
      PGBATON_POSTGRES_HBA: '["local all all peer"]',
      PGBATON_POLICY_K: '1',
      PGBATON_NAME: '',
    });
    expect(config.postgres).toMatchObject({ port: 6000, adopt: true, parameters: { work_mem: '8MB' }, hba: ['local all all peer'] });
    expect(config.etcd.endpoints).toEqual(['http://a:1', 'http://b:2']);
    expect(config.policy).toMatchObject({ clockDrift: 0.05, k: 1 });
    expect(config.name).toBe('pg1');
  });

  it('is named when its value is wrong', () => {
    expect(errorOf(() => node(NODE, { PGBATON_POSTGRES_PORT: 'many' })).message).toContain(
      'environment PGBATON_POSTGRES_PORT: postgres.port must be a number, not text',
    );
  });

  it('refuses variables that are one slip away from a known one, and leaves strangers alone', () => {
    expect(errorOf(() => node(NODE, { PGBATON_POSTGRES_PROT: '1' })).message).toContain(
      'environment PGBATON_POSTGRES_PROT: there is no such setting; did you mean `PGBATON_POSTGRES_PORT`?',
    );
    expect(node(NODE, { PGBATON_SERVICE_HOST: '10.0.0.1', PGBATON_PORT_8008_TCP: 'x', PGBATON_RW_PORT: '1' }).name).toBe('pg1');
  });

  it('can stand in for the whole file but its existence', () => {
    const secret = 'long-enough-secret-text';
    const config = node('', {
      PGBATON_CLUSTER: 'main',
      PGBATON_NAME: 'pg1',
      PGBATON_ETCD_ENDPOINTS: 'http://e:2379',
      PGBATON_POSTGRES_DATA_DIR: '/d',
      PGBATON_POSTGRES_ADVERTISE_HOST: 'localhost',
      PGBATON_STATE_DIR: '/s',
      PGBATON_SECRET_SUPERUSER_PASSWORD: secret,
      PGBATON_SECRET_REPLICATION_PASSWORD: secret,
      PGBATON_SECRET_MONITOR_PASSWORD: secret,
      PGBATON_SECRET_REWIND_PASSWORD: secret,
      PGBATON_SECRET_PEER_TOKEN_FILE: 'peer',
    });
    expect(config.secrets).toMatchObject({ superuserPassword: secret, peerToken: 'peer-password-0123456789' });
    expect(config.runDir).toBe('/s/run');
  });
});

describe('secrets', () => {
  it.each([
    ['that are missing', () => rmSync(join(dir, 'peer')), 'ENOENT'],
    ['that everybody may read', () => chmodSync(join(dir, 'peer'), 0o644), 'can be read by everybody (mode 0644)'],
    ['that are too short', () => writeFileSync(join(dir, 'peer'), 'short'), 'holds fewer than 16 characters'],
    ['of several lines', () => writeFileSync(join(dir, 'peer'), 'first-line-of-text\nsecond'), 'one line of printable ASCII'],
    ['that are far too long', () => writeFileSync(join(dir, 'peer'), 'x'.repeat(5_000)), 'larger than 4096 bytes'],
  ])('%s are refused', (_, spoil, message) => {
    spoil();
    const error = errorOf(() => node(NODE));
    expect(error.code).toBe('PGB-1003');
    expect(error.message).toContain(message);
  });

  it('given twice by the environment are refused', () => {
    const env = { PGBATON_SECRET_PEER_TOKEN: 'x'.repeat(20), PGBATON_SECRET_PEER_TOKEN_FILE: 'peer' };
    expect(errorOf(() => node(NODE, env)).message).toContain('are both set');
  });

  it('written into the file are refused and never shown', () => {
    const text = NODE.replace('  peerTokenFile: peer', '  peerToken: hunter2-hunter2-hunter2\n  monitorPasswort: "1"');
    const { message } = errorOf(() => node(text));
    expect(message).toContain('name that file with peerTokenFile');
    expect(message).toContain('*****');
    expect(message).not.toContain('hunter2');
  });

  it('are not shown as neighbours of another fault either, not even over several lines', () => {
    const text = `${NODE}password: |\n  hunter2\n  hunter3\nprioritty: 1\n`;
    const { message } = errorOf(() => node(text));
    expect(message).toContain('did you mean `priority`?');
    expect(message).not.toMatch(/hunter/);
  });

  it('never appear in the message about their environment variable', () => {
    expect(errorOf(() => node(NODE, { PGBATON_SECRET_PEER_TOKEN: 'hunter2' })).message).not.toContain('hunter2');
  });
});

describe('a proxy file', () => {
  it('is filled up with the defaults', () => {
    expect(loadProxyConfig(file(PROXY), {})).toEqual({
      cluster: 'main',
      id: 'proxy1',
      etcd: { endpoints: ['http://127.0.0.1:2379'], username: null, password: null, caFile: null, certFile: null, keyFile: null },
      workers: 1,
      listenHost: '127.0.0.1',
      rwPort: 5000,
      roPort: 5001,
      api: { host: '127.0.0.1', port: 8009, advertiseUrl: null },
      holdMs: 30_000,
      holdMax: 1_000,
      maxLagBytes: 16_777_216,
      roFallback: 'primary',
      roWaitMs: 1_000,
      weakCommits: 'allow',
      drainMs: 10_000,
      tls: { kind: 'pass' },
      serverTls: 'off',
      peerToken: null,
      log: { level: 'info' },
    });
  });

  it('takes the password of etcd from a file and shares an environment with a node', () => {
    mkdirSync(join(dir, 'secrets'));
    writeFileSync(join(dir, 'secrets/etcd'), 'pw\n', { mode: 0o600 });
    const text = PROXY.replace('etcd:', 'etcd:\n  username: root\n  passwordFile: secrets/etcd');
    expect(loadProxyConfig(file(text), { PGBATON_POSTGRES_PORT: '1', PGBATON_SECRET_PEER_TOKEN: 'x'.repeat(16) }).etcd).toMatchObject({
      username: 'root',
      password: 'pw',
    });
  });

  it('with one port for two purposes is refused', () => {
    expect(errorOf(() => loadProxyConfig(file(`${PROXY}roPort: 5000\n`), {})).message).toContain('roPort and rwPort are both 5000');
  });

  it('says where TLS ends, with files that are there', () => {
    const terminate = 'tls: { mode: terminate, certFile: peer, keyFile: rewind }';
    const config = loadProxyConfig(file(`${PROXY}${terminate}\nserverTls: { mode: require, caFile: peer }\n`), {});
    expect(config.tls).toEqual({ kind: 'terminate', certFile: join(dir, 'peer'), keyFile: join(dir, 'rewind') });
    expect(config.serverTls).toEqual({ caFile: join(dir, 'peer') });
    expect(loadProxyConfig(file(`${PROXY}${terminate}\nserverTls: { mode: require }\n`), {}).serverTls).toEqual({ caFile: null });
  });

  it.each([
    ['tls: { mode: terminate }', 'needs tls.certFile and tls.keyFile'],
    ['tls: { mode: terminate, certFile: peer }', 'needs tls.certFile and tls.keyFile'],
    ['tls: { certFile: peer }', 'tls.certFile is set, but tls.mode is pass'],
    ['tls: { mode: terminate, certFile: peer, keyFile: nowhere }', 'nowhere cannot be read'],
    ['serverTls: { mode: require }', 'needs tls.mode terminate'],
    ['serverTls: { caFile: peer }', 'serverTls.mode is off'],
  ])('with %s is refused', (text, message) => {
    expect(errorOf(() => loadProxyConfig(file(`${PROXY}${text}\n`), {})).message).toContain(message);
  });
});
