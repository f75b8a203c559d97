/** TLS that ends at the proxy and begins again behind it, in front of a real PostgreSQL with the same certificate, and real clients. */
import type { ChildProcess } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../shared/config/proxy-config.ts';
import { PASSWORD, PostgresFixture } from './postgres-fixture.ts';
import { SSL_REQUEST } from './scenario.ts';
import { writeCertificate } from '../../../chaos/cluster/certificate.ts';
import { FakeNode, World } from './world.ts';

let postgres: PostgresFixture;
let dir = '';
const worlds: World[] = [];

beforeAll(async () => {
  postgres = await PostgresFixture.start();
  dir = mkdtempSync(join(tmpdir(), 'pgbaton-tls-'));
});

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await postgres.remove();
});

/** The very certificate of the server. */
function shared(): ProxyConfig['tls'] {
  return { kind: 'terminate', certFile: postgres.path('data/server.crt'), keyFile: postgres.path('data/server.key') };
}

async function proxy(settings: Partial<ProxyConfig>): Promise<World> {
  const node = new FakeNode('n1', postgres.port);
  const world = await World.start([node], { holdMs: 8_000, ...settings });
  worlds.push(world);
  world.lead(node, 1);
  await world.until('the leader is known', ({ readWriteTarget }) => readWriteTarget !== null);
  return world;
}

const WHO = "SELECT current_setting('application_name') || '/' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

function psql(world: World, dsn: string): ChildProcess {
  const target = `host=127.0.0.1 port=${String(world.proxy.rwPort)} user=postgres dbname=postgres application_name=psql ${dsn}`;
  return postgres.spawn('psql', ['-X', '-q', '-A', '-t', '-d', target, '-c', WHO]);
}

async function said(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  return text.trim();
}

async function nodePostgres(world: World, settings: pg.ClientConfig & { readonly enableChannelBinding?: boolean }): Promise<string> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: world.proxy.rwPort,
    user: 'postgres',
    password: PASSWORD,
    database: 'postgres',
    application_name: 'node',
    ...settings,
  });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ who: string }>(WHO.replace(' FROM', ' AS who FROM'));
  await client.end();
  return rows[0]?.who ?? '';
}

describe('with TLS on both sides and one certificate', () => {
  it('psql and node-postgres are let in by every way', async () => {
    const caFile = postgres.path('data/server.crt');
    const world = await proxy({ tls: shared(), serverTls: { caFile } });
    for (const dsn of [
      'sslmode=require',
      `sslmode=verify-full sslrootcert=${caFile}`,
      'sslmode=require channel_binding=require',
      'sslmode=disable',
    ]) {
      expect(await said(psql(world, dsn)), dsn).toBe('psql/true');
    }
    const ca = readFileSync(caFile, 'utf8');
    expect(await nodePostgres(world, { ssl: { ca, checkServerIdentity: () => undefined } })).toBe('node/true');
    expect(await nodePostgres(world, { ssl: { ca, checkServerIdentity: () => undefined }, enableChannelBinding: true })).toBe('node/true');
    expect(await nodePostgres(world, { ssl: false })).toBe('node/true');
  });
});

describe('with TLS on both sides and another certificate', () => {
  it('logins that are bound to what the client saw are refused, all others let in', async () => {
    const other = writeCertificate(dir, 'another');
    const world = await proxy({ tls: { kind: 'terminate', ...other }, serverTls: { caFile: null } });
    expect(await said(psql(world, 'sslmode=require'))).toMatch(/channel binding check failed/);
    expect(await said(psql(world, 'sslmode=disable'))).toBe('psql/true');
    expect(await nodePostgres(world, { ssl: { rejectUnauthorized: false } })).toBe('node/true');
  });
});

describe('with TLS on the side of the clients only', () => {
  it('clients are let in, but none that insists on a bound login', async () => {
    const world = await proxy({ tls: shared() });
    expect(await said(psql(world, 'sslmode=require'))).toBe('psql/false');
    expect(await nodePostgres(world, { ssl: { rejectUnauthorized: false } })).toBe('node/false');
    expect(await said(psql(world, 'sslmode=require channel_binding=require'))).toMatch(/channel binding/);
  });
});

describe('certificates', () => {
  it('of a server that nobody vouches for: the client is held and then refused', async () => {
    const { certFile } = writeCertificate(dir, 'stranger');
    const world = await proxy({ tls: shared(), serverTls: { caFile: certFile }, holdMs: 500 });
    expect(await said(psql(world, 'sslmode=require'))).toMatch(/not accepting connections.*self-signed/s);
  });

  it('that are renewed are shown to clients that come from then on, and a broken one is not', async () => {
    const files = writeCertificate(dir, 'proxy');
    const [first, second] = [readFileSync(files.certFile), writeCertificate(dir, 'renewed')];
    const world = await proxy({ tls: { kind: 'terminate', ...files } });
    expect(await shown(world)).toBe(fingerprintOf(first));
    copyFileSync(second.certFile, files.certFile);
    world.proxy.reloadTls?.();
    expect(await shown(world)).toBe(fingerprintOf(first));
    copyFileSync(second.keyFile, files.keyFile);
    world.proxy.reloadTls?.();
    expect(await shown(world)).toBe(fingerprintOf(readFileSync(second.certFile)));
  });

  it('that do not fit their key stop the proxy from starting', async () => {
    const [one, other] = [writeCertificate(dir, 'one'), writeCertificate(dir, 'other')];
    await expect(World.start([], { tls: { kind: 'terminate', certFile: one.certFile, keyFile: other.keyFile } })).rejects.toMatchObject({
      code: 'PGB-1001',
    });
    await expect(World.start([], { tls: { kind: 'terminate', ...one }, serverTls: { caFile: one.keyFile } })).rejects.toMatchObject({
      code: 'PGB-1001',
    });
  });
});

function fingerprintOf(pem: Buffer): string {
  return new X509Certificate(pem).fingerprint256;
}

function shown(world: World): Promise<string> {
  return new Promise((resolve, reject) => {
    const raw = connectTcp(world.proxy.rwPort, '127.0.0.1');
    raw.on('error', reject);
    raw.write(SSL_REQUEST);
    raw.once('data', () => {
      const socket = connectTls({ socket: raw, rejectUnauthorized: false });
      socket.on('error', reject);
      socket.once('secureConnect', () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
        socket.destroy();
      });
    });
  });
}
