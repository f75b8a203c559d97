// Other people's clients through the proxy: PostgreSQL's own programs, node-postgres, psycopg and pgjdbc, at rest, across moves and across a failover.
// The servers have TLS. One proxy passes TLS through and is spoken to in the clear; the other, `edge`, ends TLS with the servers' own certificate.
import { readdirSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idsOf } from '../../cli/local/binaries.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { postgresProgram, runClient, startClient, type ClientProgram } from '../support/client-program.ts';
import { startProxy, type ExtraProxy } from '../support/extra-proxy.ts';
import { kill, query, TestCluster, until } from '../support/local-cluster.ts';
import { writeCertificate } from '../../chaos/cluster/certificate.ts';

const psycopg = process.env['PGBATON_PSYCOPG'];
const pgjdbc = process.env['PGBATON_PGJDBC'];
const noPsycopg = process.env['PGBATON_NO_PSYCOPG'] ?? 'PGBATON_PSYCOPG is not set';
const noPgjdbc = process.env['PGBATON_NO_PGJDBC'] ?? 'PGBATON_PGJDBC is not set';
/** Time enough for a client on a busy machine to be told to commit and to do it. */
const PARK_MS = 4_000;
/** In the clear, so that the session can be moved through a proxy that passes TLS through. */
const CLEAR = { PGSSLMODE: 'disable' };

let cluster: TestCluster;
let edge: ExtraProxy;
let dir: string;
let certFile: string;

beforeAll(async () => {
  cluster = await TestCluster.upWith('clients', (plan, layout) => {
    dir = join(layout.dir, 'clients');
    mkdirSync(dir, { mode: 0o755 });
    const files = writeCertificate(dir, 'server');
    const owner = plan.osUser === null ? null : idsOf(plan.osUser);
    if (owner !== null) for (const file of [files.certFile, files.keyFile]) chownSync(file, owner.uid, owner.gid);
    certFile = files.certFile;
    const parameters = { wal_level: 'logical', ssl: 'on', ssl_cert_file: files.certFile, ssl_key_file: files.keyFile };
    const hba = ['host all all samehost scram-sha-256', 'host replication archivist samehost scram-sha-256'];
    return { postgres: { parameters, hba }, policy: { parkMs: PARK_MS } };
  });
  await cluster.untilWhole();
  edge = await startProxy(cluster, 'edge', {
    tls: { mode: 'terminate', certFile, keyFile: join(dir, 'server.key') },
    serverTls: { mode: 'require', caFile: certFile },
  });
  await query(
    cluster.uri,
    "create role app login password 'secret'; create role archivist login replication password 'secret'; grant all on schema public to app",
  );
});

afterAll(async () => {
  await edge?.stop();
  await cluster?.down();
});

function uriOf(port: number, user?: string): string {
  const url = new URL(cluster.uri);
  url.port = String(port);
  if (user !== undefined) [url.username, url.password] = [user, 'secret'];
  return url.href;
}

/** Through `edge`, as a careful client would: the certificate is checked and the login bound to it. */
function edgeUri(user?: string): string {
  return `${uriOf(edge.rwPort, user)}?sslmode=verify-full&sslrootcert=${certFile}&channel_binding=require`;
}

function psql(uri: string, args: readonly string[] = []): ClientProgram {
  return startClient(postgresProgram('psql'), ['-X', '-q', '-A', '-t', ...args, uri], CLEAR);
}

async function told(uri: string, ...commands: readonly string[]): Promise<string> {
  const args = commands.flatMap((command) => ['-c', command]);
  return (await runClient(postgresProgram('psql'), ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args, uri], CLEAR)).trim();
}

async function moveLeader(): Promise<void> {
  expect(await cluster.cli('switchover', '--yes')).toMatchObject({ code: 0 });
  await cluster.untilWhole();
}

function jsonOf(client: ClientProgram): Record<string, unknown> {
  return JSON.parse(client.out().trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

describe('psql', () => {
  test('copies a file in and the same bytes out again', async () => {
    const lines = Array.from({ length: 5_000 }, (_, i) => `${String(i)},"a ""quoted"" ü, and\na line ${'x'.repeat(i % 90)}"\n`).join('');
    writeFileSync(join(dir, 'in.csv'), lines);
    await told(cluster.uri, 'create table csv (id int, word text)', `\\copy csv from '${dir}/in.csv' csv`);
    await told(cluster.uri, `\\copy (select * from csv order by id) to '${dir}/out.csv' (format csv, force_quote (word))`);
    expect(readFileSync(join(dir, 'out.csv'), 'utf8')).toBe(lines);
  });

  test('runs a script up to its first error, says where, and keeps nothing of the open transaction', async () => {
    const script = join(dir, 'script.sql');
    const text = [
      'create table scripted (id int);',
      'insert into scripted values (1); insert into scripted values (2);',
      "select count(*) as n, count(*) = 2 as whole from scripted \\gset\n\\if :whole\n\\echo found :n\n\\endif\nselect $$a;b$$ || E'\\n' as two \\; select 3 as three;",
      'begin; insert into scripted values (3); insert into scripted values (1/0); commit;',
    ];
    writeFileSync(script, text.join('\n'));
    const client = psql(cluster.uri, ['-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-f', script]);
    expect(await client.end()).toBe(3);
    expect(client.out()).toBe('found 2\na;b\n\n3\n');
    expect(client.err()).toMatch(/script\.sql:\d+: ERROR: {2}22012/);
    expect(await told(cluster.uri, 'select string_agg(id::text, $$,$$ order by id) from scripted')).toBe('1,2');
  });

  test('sees where it is connected, in the clear and in TLS', async () => {
    expect(await told(cluster.uri, '\\conninfo')).toMatch(new RegExp(`postgres[^]*${String(cluster.proxy.rwPort)}`));
    expect(await told(cluster.uri, '\\conninfo')).not.toMatch(/TLSv1/);
    expect(await told(edgeUri('app'), '\\conninfo')).toMatch(new RegExp(`app[^]*${String(edge.rwPort)}[^]*TLSv1\\.3`));
  });

  test('finds a primary behind one port and a standby behind the other, by what libpq is told in the login', async () => {
    expect(await told(`${cluster.uri}?target_session_attrs=primary`, 'select pg_is_in_recovery()')).toBe('f');
    expect(
      await told(`${cluster.roUri}?target_session_attrs=standby`, 'select pg_is_in_recovery(), current_setting($$in_hot_standby$$)'),
    ).toBe('t|on');
    await expect(told(`${cluster.roUri}?target_session_attrs=read-write`, 'select 1')).rejects.toThrow(/read-only/);
    await expect(told(cluster.roUri, 'create table never (id int)')).rejects.toThrow(/read-only transaction/);
  });
});

describe('Ctrl-C in psql, with the cancel request at another proxy than the session', () => {
  /** The first connection to one proxy, every later one to the other, as a load balancer may do it. */
  async function balancer(first: number, later: number): Promise<{ readonly port: number; readonly close: () => void }> {
    let count = 0;
    const server = createServer((client) => {
      const target = connect(count++ === 0 ? first : later, '127.0.0.1');
      client.pipe(target).pipe(client);
      for (const socket of [client, target]) socket.on('error', () => [client, target].forEach((one) => one.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port, close: () => server.close() };
  }

  async function interrupted(client: ClientProgram): Promise<void> {
    client.say('select pg_sleep(30) as interrupted;');
    await until('it sleeps', 10_000, async () => {
      const [row] = await query(
        cluster.uri,
        "select count(*)::int as n from pg_stat_activity where query like '%as interrupted%' and state = 'active' and pid <> pg_backend_pid()",
      );
      return row?.['n'] === 1;
    });
    const atMs = monotonicMs();
    client.signal('SIGINT');
    await client.untilSaid(/ERROR: {2}57014/, 5_000);
    expect(monotonicMs() - atMs).toBeLessThan(2_000);
    await client.end();
  }

  test.each([false, true])('cancels in less than two seconds (session moved before: %s)', async (moved) => {
    const { port, close } = await balancer(edge.rwPort, cluster.proxy.rwPort);
    const client = psql(uriOf(port), ['-v', 'VERBOSITY=verbose']);
    client.say("select 'ready', inet_server_port();");
    await client.untilSaid(/ready/);
    if (moved) {
      await moveLeader();
      client.say("select 'there', inet_server_port();");
      await client.untilSaid(/there/);
      expect(/there\|(\d+)/.exec(client.out())?.[1]).not.toBe(/ready\|(\d+)/.exec(client.out())?.[1]);
    }
    await interrupted(client);
    close();
  });
});

describe('dumps', () => {
  test('restored through the proxy, a dump dumps to the same bytes', async () => {
    await query(cluster.uri, 'create database origin');
    await query(cluster.uri, 'create database copied');
    const at = (name: string): string => cluster.uri.replace(/\/postgres$/, `/${name}`);
    await query(
      at('origin'),
      `create table parent (id int generated always as identity primary key, word text unique, at timestamptz default '2020-02-02', raw bytea);
       insert into parent (word, raw) select 'ü''\\' || i || E'\\t\\n', decode(md5(i::text), 'hex') from generate_series(1, 4000) i;
       create table child (parent int references parent, n numeric check (n > 0)) partition by range (n);
       create table child_low partition of child for values from (0) to (100);
       insert into child select id, id % 99 + 0.5 from parent;
       create view both_of_them as select word, n from parent join child on parent.id = child.parent;
       create function twice(int) returns int language sql as $$ select $1 * 2; $$;
       select lo_from_bytea(4711, decode(repeat('00ff', 5000), 'hex'))`,
    );
    // Newer versions write a random word into every dump.
    const dumped = async (uri: string): Promise<string> =>
      (await runClient(postgresProgram('pg_dump'), [uri], CLEAR)).replaceAll(/^\\(un)?restrict .*$/gm, '');
    const dump = await dumped(at('origin'));
    expect(dump.length).toBeGreaterThan(200_000);
    const restore = psql(at('copied'), ['-v', 'ON_ERROR_STOP=1']);
    restore.say(dump);
    expect(await restore.end()).toBe(0);
    expect(restore.err()).toBe('');
    expect(await dumped(at('copied'))).toBe(dump);
  });
});

describe('node-postgres', () => {
  test('a busy pool across a planned move sees no error and loses nothing', async () => {
    await query(cluster.uri, 'create table pooled (id int primary key, worker int)');
    const pool = new Pool({ connectionString: cluster.uri, max: 6 });
    const errors: string[] = [];
    pool.on('error', (error) => errors.push(error.message));
    const ports = new Set<number>();
    let [done, stop] = [0, false];
    const worker = async (number: number): Promise<void> => {
      while (!stop) {
        const client = await pool.connect();
        try {
          await client.query('begin');
          const id = done++;
          await client.query({ name: 'insert', text: 'insert into pooled values ($1, $2)', values: [id, number] });
          const { rows } = await client.query<{ port: number }>('select inet_server_port() as port');
          if (rows[0] !== undefined) ports.add(rows[0].port);
          await client.query('commit');
        } catch (error) {
          errors.push(String(error));
        } finally {
          client.release();
        }
      }
    };
    const workers = Array.from({ length: 8 }, (_, number) => worker(number));
    await until('it is under way', 10_000, async () => done > 100);
    await moveLeader();
    stop = true;
    await Promise.all(workers);
    await pool.end();
    expect(errors).toEqual([]);
    expect(ports.size).toBe(2);
    expect(await query(cluster.uri, 'select count(*)::int as n from pooled')).toEqual([{ n: done }]);
  });

  test('a session within TLS, bound to the certificate, is moved with what it has set and prepared', async () => {
    const client = new Client({
      ...{ connectionString: uriOf(edge.rwPort, 'app'), ssl: { ca: readFileSync(certFile, 'utf8') } },
      enableChannelBinding: true,
    });
    const errors: string[] = [];
    client.on('error', (error: Error & { code?: string }) => errors.push(error.code ?? error.message));
    await client.connect();
    const value = async (text: string): Promise<unknown> =>
      Object.values((await client.query<Record<string, unknown>>(text)).rows[0] ?? {})[0];
    const named = { name: 'doubled', text: 'select $1::int * 2 as twice' };
    await client.query("set search_path to pg_catalog, public; set app.tenant to 'seven'; set statement_timeout to 12345");
    expect((await client.query({ ...named, values: [4] })).rows).toEqual([{ twice: 8 }]);
    const from = await value('select inet_server_port()');
    await moveLeader();
    expect(await value('select inet_server_port()')).not.toBe(from);
    expect(await value('show search_path')).toBe('pg_catalog, public');
    expect(await value('show app.tenant')).toBe('seven');
    expect(await value('show statement_timeout')).toBe('12345ms');
    expect((await client.query({ ...named, values: [5] })).rows).toEqual([{ twice: 10 }]);
    expect(await value('select count(*)::int from pg_prepared_statements')).toBe(1);
    expect(await value('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toBe(true);
    expect(errors).toEqual([]);
    await client.end();
  });
});

describe('psql within TLS', () => {
  test('goes on behind a move with what it has set and prepared, in the same session', async () => {
    const client = psql(edgeUri('app'), ['-v', 'ON_ERROR_STOP=1']);
    client.say("set search_path to pg_catalog, public; set app.tenant to 'it''s \\ 17';");
    client.say('prepare by_sql(int) as select $1 + 1;');
    client.say("select 'before', inet_server_port();");
    await client.untilSaid(/before\|\d+/);
    await moveLeader();
    client.say("select 'after', inet_server_port(), pg_is_in_recovery();");
    client.say('show search_path; show app.tenant; execute by_sql(41);');
    client.say('select ssl from pg_stat_ssl where pid = pg_backend_pid();');
    expect(await client.end()).toBe(0);
    expect(client.err()).toBe('');
    const [, before] = /before\|(\d+)/.exec(client.out()) ?? [];
    const [, after, rest] = /after\|(\d+)\|f\n([^]*)$/.exec(client.out()) ?? [];
    expect(after).not.toBe(before);
    expect(rest).toBe("pg_catalog, public\nit's \\ 17\n42\nt\n");
  });
});

describe('pgbench within TLS', () => {
  test('in all three modes at once notices nothing of a move', async () => {
    await runClient(postgresProgram('pgbench'), ['-i', '-q', '-s', '2', edgeUri()]);
    const runs = ['simple', 'extended', 'prepared'].map((mode) =>
      runClient(postgresProgram('pgbench'), ['-n', '-M', mode, '-c', '4', '-t', '100', '-R', '100', edgeUri()]),
    );
    await until('they are under way', 10_000, async () => {
      const [row] = await query(cluster.uri, 'select count(*)::int as n from pgbench_history');
      return Number(row?.['n']) > 60;
    });
    await moveLeader();
    for (const report of await Promise.all(runs)) {
      expect(report).toMatch(/actually processed: 400\/400/);
      // Versions before 15 do not count failures; there a client that fails leaves its transactions unprocessed.
      expect(report).not.toMatch(/failed transactions: [^0]/);
    }
    expect(await query(cluster.uri, 'select count(*)::int as n from pgbench_history')).toEqual([{ n: 1_200 }]);
  });
});

describe.skipIf(psycopg === undefined)(`psycopg${psycopg === undefined ? ` (skipped: ${noPsycopg})` : ''}`, () => {
  test('COPY, cursors, prepared statements, a pipeline and an open transaction see no error across a move', async () => {
    const python = process.env['PGBATON_PYTHON'] ?? 'python3';
    const client = startClient(python, [join(import.meta.dirname, 'clients', 'psycopg-client.py'), cluster.uri], {
      ...CLEAR,
      ...{ PYTHONPATH: psycopg ?? '', LD_LIBRARY_PATH: process.env['PGBATON_LIBPQ'] ?? '', PYTHONDONTWRITEBYTECODE: '1' },
    });
    await client.untilSaid(/busy/, 60_000);
    const moved = moveLeader();
    await until('the clients are being parked', 20_000, async () => (await cluster.operationStage()) === 'parking');
    client.say('commit');
    await moved;
    client.say('stop');
    expect(await client.end()).toBe(0);
    const said = jsonOf(client);
    expect(said['errors']).toEqual([]);
    expect(said).toMatchObject({ in_hot_standby: 'off', copied_back: true, walked: (2_999 * 3_000) / 2, scrolled_to: 10 });
    expect(said).toMatchObject({ prepared_on_server: 1, prepared_ports: 2, prepared_rows: said['prepared'] });
    expect(said['prepared']).toBeGreaterThan(10);
    expect(said).toMatchObject({ piped_rows: said['piped'], spanning_rows: 2, spanning_moved: true });
  });
});

describe.skipIf(pgjdbc === undefined)(`pgjdbc${pgjdbc === undefined ? ` (skipped: ${noPgjdbc})` : ''}`, () => {
  function start(port: number, schema: string, ssl: string): ClientProgram {
    const url = new URL(uriOf(port));
    const args = [`jdbc:postgresql://${url.host}/postgres?currentSchema=${schema}&${ssl}`, url.username, url.password];
    const source = join(import.meta.dirname, 'clients', 'PgjdbcClient.java');
    return startClient(process.env['PGBATON_JAVA'] ?? 'java', ['-Xmx128m', '-cp', pgjdbc ?? '', source, ...args]);
  }

  test('in the clear and within TLS, prepared statements, batches and cursors see no error across a move', async () => {
    await query(cluster.uri, 'create schema in_clear; create schema in_tls');
    const clients = [
      start(cluster.proxy.rwPort, 'in_clear', 'sslmode=disable'),
      start(edge.rwPort, 'in_tls', `sslmode=verify-full&sslrootcert=${certFile}`),
    ];
    await Promise.all(clients.map(async (client) => client.untilSaid(/busy/, 60_000)));
    await moveLeader();
    for (const client of clients) client.say('stop');
    for (const client of clients) {
      expect(await client.end()).toBe(0);
      const said = jsonOf(client);
      expect(said['errors']).toEqual([]);
      expect(said).toMatchObject({ onServer: true, preparedPorts: 2, preparedRows: said['prepared'], wrongWalks: 0 });
      expect(said).toMatchObject({ batchedRows: said['batched'], timeLimit: '57014', valid: true });
      expect(said['batched']).toBeGreaterThan(500);
    }
  });
});

describe('replication through the read-write port', () => {
  test('pg_basebackup makes a backup that is verified, for a role that the operator lets in and for no other', async () => {
    const backup = join(dir, 'backup');
    const args = ['-D', backup, '-c', 'fast', '-X', 'stream', '--no-sync', '-d'];
    await runClient(postgresProgram('pg_basebackup'), [...args, uriOf(cluster.proxy.rwPort, 'archivist')], CLEAR);
    expect(await runClient(postgresProgram('pg_verifybackup'), [backup])).toMatch(/backup successfully verified/);
    const refused = runClient(postgresProgram('pg_basebackup'), ['-D', `${backup}-2`, '-d', cluster.uri], CLEAR);
    await expect(refused).rejects.toThrow(/no pg_hba\.conf entry for replication connection/);
  });

  test('pg_recvlogical is told every change until its server ends; a move waits for no stream, and its slot stays behind', async () => {
    const recvlogical = postgresProgram('pg_recvlogical');
    const slot = ['-d', cluster.uri, '--slot', 'heard'];
    await query(cluster.uri, 'create table heard (id int primary key)');
    await runClient(recvlogical, [...slot, '--create-slot', '-P', 'test_decoding'], CLEAR);
    const listening = startClient(
      recvlogical,
      [...slot, '--start', '-n', '-f', '-', '-F', '0', '-o', 'include-xids=0', '-o', 'skip-empty-xacts=1'],
      CLEAR,
    );
    await query(cluster.uri, 'insert into heard select generate_series(1, 300)');
    await query(cluster.uri, 'delete from heard where id = 7');
    await listening.untilSaid(/DELETE: id\[integer\]:7\nCOMMIT/);
    expect(listening.out().match(/^table public\.heard: INSERT: id\[integer\]:\d+$/gm)).toHaveLength(300);
    await query(cluster.uri, 'insert into heard values (4711)');
    await moveLeader();
    expect(await listening.end()).toBe(1);
    // Not "unexpected termination": the server itself ended the stream, after the last change.
    expect(listening.err()).toBe('pg_recvlogical: error: disconnected\n');
    expect(listening.out()).toMatch(/INSERT: id\[integer\]:4711\nCOMMIT\n/);
    expect(lastParkingMs()).toBeLessThan(PARK_MS / 2);
    expect(await query(cluster.uri, "select 1 from pg_replication_slots where slot_name = 'heard'")).toEqual([]);
  });

  test('pg_receivewal has the very bytes of the server, and finds the new leader by itself', async () => {
    const archive = join(dir, 'archive');
    mkdirSync(archive);
    const client = startClient(
      postgresProgram('pg_receivewal'),
      ['-D', archive, '-v', '--no-sync', '-d', uriOf(cluster.proxy.rwPort, 'archivist')],
      CLEAR,
    );
    await client.untilSaid(/starting log streaming/);
    const leader = await cluster.leader();
    const segment = await switchedSegment();
    await until('the segment is received', 10_000, async () => readdirSync(archive).includes(segment));
    const original = readFileSync(join(cluster.node(leader).dataDir, 'pg_wal', segment));
    expect(readFileSync(join(archive, segment)).equals(original)).toBe(true);
    await moveLeader();
    const next = await switchedSegment();
    expect(next.slice(0, 8)).not.toBe(segment.slice(0, 8));
    await until('a segment of the new timeline is received', 20_000, async () => readdirSync(archive).includes(next));
    client.signal('SIGINT');
    expect(await client.end()).toBe(0);
  });

  /** How long the clients were waited for. */
  function lastParkingMs(): number {
    const lines = readFileSync(join(cluster.dir, 'log', 'proxy.log'), 'utf8').split('\n');
    const parked = lines.findLast((line) => line.includes('"move.parked"')) ?? '';
    return (JSON.parse(parked) as { readonly tookMs: number }).tookMs;
  }

  async function switchedSegment(): Promise<string> {
    const [row] = await query(
      cluster.uri,
      'create table if not exists filler (a int); insert into filler values (1); select pg_walfile_name(pg_switch_wal()) as name',
    );
    return String(row?.['name']);
  }
});

describe('node-postgres across an unplanned failover', () => {
  /** A server that is killed says nothing, and node-postgres has no code for a connection that just ends. */
  function isLostConnection(error: unknown): boolean {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return code === undefined ? message === 'Connection terminated unexpectedly' : /^(08|57)/.test(code);
  }

  test('an idle pool loses its connections and nothing else, never writes to a standby, and recovers', async () => {
    const max = 8;
    const pool = new Pool({ connectionString: cluster.uri, max, idleTimeoutMillis: 0, connectionTimeoutMillis: 20_000 });
    const errors: unknown[] = [];
    pool.on('error', (error) => errors.push(error));
    await query(cluster.uri, 'create table survivors (id int primary key)');
    const clients = await Promise.all(Array.from({ length: max }, () => pool.connect()));
    for (const client of clients) client.release();
    const from = await cluster.leader();
    kill(cluster.node(from).pids.postmaster, 'SIGKILL');
    const failures: unknown[] = [];
    const acknowledged: number[] = [];
    const byMs = monotonicMs() + 30_000;
    for (let id = 0; acknowledged.length < 100 && monotonicMs() < byMs; id += 1) {
      try {
        await pool.query('insert into survivors values ($1)', [id]);
        acknowledged.push(id);
      } catch (error) {
        failures.push(error);
      }
    }
    await pool.end();
    expect(acknowledged).toHaveLength(100);
    expect([...errors, ...failures].filter((error) => !isLostConnection(error))).toEqual([]);
    // Only those that were there are lost, to a client at rest or to a statement.
    expect(errors.length + failures.length).toBeGreaterThan(0);
    expect(Math.max(errors.length, failures.length)).toBeLessThanOrEqual(max);
    await cluster.untilWhole();
    expect(await cluster.leader()).not.toBe(from);
    const kept = new Set((await query(cluster.uri, 'select id from survivors')).map((row) => row['id']));
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  });
});
