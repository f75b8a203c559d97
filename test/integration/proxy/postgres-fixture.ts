/**
 * One PostgreSQL 15 in a temporary directory, with TLS, SCRAM and a role `raw` that needs no password (for clients that speak the protocol by
 * hand). Loopback only. What it starts it stops.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';

const BIN = process.env['PGBATON_TEST_PG_BIN'] ?? '/usr/lib/postgresql/15/bin';

export const PASSWORD = 'secret-for-tests';

type Identity = { readonly uid: number; readonly gid: number };

/** PostgreSQL refuses to run as root. */
function identity(): Identity | null {
  if (userInfo().uid !== 0) return null;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export class PostgresFixture {
  readonly port: number;
  readonly #dir: string;
  readonly #as: Identity | null;
  #postmaster: ChildProcess | null = null;

  private constructor(port: number, dir: string, as: Identity | null) {
    this.port = port;
    this.#dir = dir;
    this.#as = as;
  }

  /** `hba`: lines before all others. */
  static async start(hba: readonly string[] = []): Promise<PostgresFixture> {
    const as = identity();
    const dir = mkdtempSync(join(tmpdir(), 'pgbaton-proxy-'));
    if (as !== null) chownSync(dir, as.uid, as.gid);
    const fixture = new PostgresFixture(await freePort(), dir, as);
    fixture.#initialise(hba);
    await fixture.startServer();
    return fixture;
  }

  /** A physical standby of `primary`, with the same certificate and its own pg_hba.conf. */
  static async standbyOf(primary: PostgresFixture, hba: readonly string[] = []): Promise<PostgresFixture> {
    const dir = mkdtempSync(join(tmpdir(), 'pgbaton-proxy-'));
    if (primary.#as !== null) chownSync(dir, primary.#as.uid, primary.#as.gid);
    const fixture = new PostgresFixture(await freePort(), dir, primary.#as);
    const source = `host=127.0.0.1 port=${String(primary.port)} user=postgres password=${PASSWORD}`;
    fixture.#run('pg_basebackup', ['-d', source, '-D', join(dir, 'data'), '-R', '-c', 'fast', '-X', 'stream', '-N']);
    appendFileSync(join(dir, 'data', 'postgresql.conf'), `\nport = ${String(fixture.port)}\n`);
    fixture.#writeHba(hba);
    await fixture.startServer();
    return fixture;
  }

  async startServer(): Promise<void> {
    this.#postmaster = spawn(join(BIN, 'postgres'), ['-D', join(this.#dir, 'data')], { ...this.#as, cwd: this.#dir, stdio: 'ignore' });
    await until(
      'PostgreSQL accepts connections',
      15_000,
      () => this.#run('pg_isready', ['-h', '127.0.0.1', '-p', String(this.port)]) !== null,
    );
  }

  /** Fast shutdown. */
  async stopServer(): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster === null) return;
    this.#postmaster = null;
    const ended = new Promise((resolve) => postmaster.once('exit', resolve));
    postmaster.kill('SIGINT');
    const timer = setTimeout(() => postmaster.kill('SIGQUIT'), 5_000);
    await ended;
    clearTimeout(timer);
  }

  async remove(): Promise<void> {
    await this.stopServer();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A scratch path that PostgreSQL's programs may write to. */
  path(name: string): string {
    return join(this.#dir, name);
  }

  /** Runs a client program; the output, or null when it failed. */
  #run(program: string, args: readonly string[]): string | null {
    try {
      return execFileSync(join(BIN, program), args, { ...this.#as, encoding: 'utf8', cwd: this.#dir, stdio: ['ignore', 'pipe', 'ignore'] });
    } catch {
      // A failing exit status is the answer here.
      return null;
    }
  }

  /** A client program with its streams, for the tests to drive. */
  spawn(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn(join(BIN, program), args, {
      ...this.#as,
      cwd: this.#dir,
      env: { ...process.env, HOME: this.#dir, PGPASSWORD: PASSWORD, PGCONNECT_TIMEOUT: '10', ...env },
    });
  }

  #initialise(hba: readonly string[]): void {
    const data = join(this.#dir, 'data');
    writeFileSync(join(this.#dir, 'password'), PASSWORD);
    if (this.#as !== null) chownSync(join(this.#dir, 'password'), this.#as.uid, this.#as.gid);
    execFileSync(
      join(BIN, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${join(this.#dir, 'password')}`, '-N', '--no-instructions'],
      { ...this.#as, cwd: this.#dir, stdio: 'ignore' },
    );
    const subject = [
      '-subj',
      '/CN=127.0.0.1',
      '-days',
      '2',
      '-nodes',
      '-keyout',
      join(data, 'server.key'),
      '-out',
      join(data, 'server.crt'),
    ];
    execFileSync('openssl', ['req', '-new', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', ...subject], {
      ...this.#as,
      cwd: this.#dir,
      stdio: 'ignore',
    });
    appendFileSync(
      join(data, 'postgresql.conf'),
      `\nport = ${String(this.port)}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nssl = on\n`,
    );
    this.#writeHba(hba);
  }

  #writeHba(first: readonly string[]): void {
    const lines = [
      ...first,
      'host all raw 127.0.0.1/32 trust',
      'host all nobody 127.0.0.1/32 reject',
      'host all all 127.0.0.1/32 scram-sha-256',
      'host replication all 127.0.0.1/32 scram-sha-256',
    ];
    writeFileSync(join(this.#dir, 'data', 'pg_hba.conf'), [...lines, ''].join('\n'));
  }
}
