/** A primary and its streaming standby in a temporary directory, open to everybody on loopback. What it starts it stops. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { isUnasked, splitMessages, withReports, type Message, type Parameters } from '../../../../proxy/move/frames.ts';
import { converse } from '../../../../proxy/move/conversation.ts';
import { freePort } from '../../../support/free-ports.ts';
import { until } from '../../../support/until.ts';
import { startupPacket } from '../raw-client.ts';

const BIN = process.env['PGBATON_PG_BIN'] ?? '/usr/lib/postgresql/15/bin';
const NEVER = new AbortController().signal;

function osUser(): { readonly uid?: number; readonly gid?: number } {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

export class TestServer {
  readonly port: number;
  readonly #dir: string;
  readonly #as = osUser();
  #postmaster: ChildProcess | null = null;

  constructor(port: number, dir: string) {
    this.port = port;
    this.#dir = dir;
  }

  static async fresh(base: string): Promise<TestServer> {
    const server = new TestServer(await freePort(), join(base, 'primary'));
    server.run('initdb', ['-D', server.#dir, '-U', 'postgres', '-A', 'trust', '-N', '--no-instructions', '-E', 'UTF8', '--locale=C']);
    appendFileSync(
      join(server.#dir, 'postgresql.conf'),
      "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nmax_connections = 30\n",
    );
    await server.start();
    return server;
  }

  async standby(base: string): Promise<TestServer> {
    const standby = new TestServer(await freePort(), join(base, 'standby'));
    this.run('pg_basebackup', ['-h', '127.0.0.1', '-p', String(this.port), '-U', 'postgres', '-D', standby.#dir, '-R', '-c', 'fast']);
    await standby.start();
    return standby;
  }

  run(program: string, args: readonly string[]): void {
    execFileSync(join(BIN, program), args, { ...this.#as, cwd: tmpdir(), stdio: 'ignore' });
  }

  async start(): Promise<void> {
    this.#postmaster = spawn(join(BIN, 'postgres'), ['-D', this.#dir, '-p', String(this.port)], {
      ...this.#as,
      cwd: this.#dir,
      stdio: 'ignore',
    });
    await until('the server answers', 30_000, async () => {
      try {
        await this.sql('select 1');
        return true;
      } catch {
        return false;
      }
    });
  }

  async stop(): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster === null) return;
    this.#postmaster = null;
    const ended = new Promise((resolve) => postmaster.once('exit', resolve));
    postmaster.kill('SIGINT');
    const timer = setTimeout(() => postmaster.kill('SIGQUIT'), 10_000);
    await ended;
    clearTimeout(timer);
  }

  async sql(text: string): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.port, user: 'postgres', database: 'postgres' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const result: unknown = await client.query(text);
      return Array.isArray(result) ? [] : (result as pg.QueryResult<Record<string, unknown>>).rows;
    } finally {
      await client.end();
    }
  }
}

export async function withBase<Result>(work: (base: string) => Promise<Result>): Promise<Result> {
  const base = mkdtempSync(join(tmpdir(), 'pgbaton-move-'));
  const { uid, gid } = osUser();
  if (uid !== undefined && gid !== undefined) chownSync(base, uid, gid);
  try {
    return await work(base);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** A session that the test speaks for by hand. */
export class HandSession {
  readonly socket: Socket;
  reports: Parameters = new Map();

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async open(port: number, user = 'app', parameters: Readonly<Record<string, string>> = {}): Promise<HandSession> {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.pause();
    await new Promise((resolve) => socket.once('connect', resolve));
    const session = new HandSession(socket);
    await session.say(startupPacket({ user, database: 'postgres', ...parameters }), 1);
    return session;
  }

  async say(bytes: Buffer, readyCount: number): Promise<Buffer> {
    const outcome = await converse(this.socket, bytes, { readyCount, budgetMs: 20_000, signal: NEVER, maxBytes: 1_000_000 });
    if (outcome.kind === 'failed') throw new Error(outcome.why);
    this.reports = withReports(this.reports, splitMessages(outcome.bytes) ?? []);
    return outcome.bytes;
  }

  async messages(bytes: Buffer, readyCount: number): Promise<readonly Message[]> {
    return (splitMessages(await this.say(bytes, readyCount)) ?? []).filter((message) => !isUnasked(message));
  }

  close(): void {
    this.socket.destroy();
  }
}
