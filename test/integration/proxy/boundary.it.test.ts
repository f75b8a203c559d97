/**
 * The count of answers against a real PostgreSQL: random pipelines of good and bad messages, and in every silence the server itself is asked
 * whether it is idle.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Boundary, type At } from '../../../proxy/core/boundary.ts';
import { COUNTED_ANSWERS, FROM_SERVER } from '../../../proxy/core/message-types.ts';
import { interestIn, MessageWalk } from '../../../proxy/core/message-walk.ts';
import { PostgresFixture } from './postgres-fixture.ts';
import { message, startupPacket } from './raw-client.ts';

const SEEDS = 100;
/** Sessions at a time. */
const WIDTH = 8;
const INTEREST = interestIn({ noted: [...COUNTED_ANSWERS, FROM_SERVER.readyForQuery] });
const UNSYNCED = 'PBDEC';

type Piece = { readonly type: string; readonly bytes: Buffer };

/** mulberry32 */
function dice(seed: number): <Value>(from: readonly Value[]) => Value {
  let state = seed;
  return (from) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return from[((mixed ^ (mixed >>> 14)) >>> 0) % from.length]!;
  };
}

const piece = (type: string, body: Buffer | string = ''): Piece => ({ type, bytes: message(type, body) });
const query = (text: string): Piece => piece('Q', `${text}\0`);
const parse = (text: string): Piece => piece('P', `\0${text}\0\0\0`);
const BIND = piece('B', Buffer.alloc(8));
const DESCRIBE = piece('D', 'P\0');
const DESCRIBE_STATEMENT = piece('D', 'S\0');
const CLOSE = piece('C', 'Pnone\0');
const SYNC = piece('S');
const FLUSH = piece('H');
const DATA = piece('d', '1\n');
const BAD_DATA = piece('d', 'nonsense\n');
const DONE = piece('c');
const GIVE_UP = piece('f', 'no more\0');
const execute = (most = 0): Piece => piece('E', Buffer.from([0, 0, 0, 0, most]));
/** A function that exists, called by oid: `abs(int4)`. */
const CALL = piece('F', Buffer.from([0, 0, 0x05, 0x75, 0, 1, 0, 1, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0, 1]));

const QUERIES = [
  'select 1',
  'select generate_series(1, 30)',
  '',
  'select 1; select 2',
  'begin',
  'commit',
  'rollback',
  'begin; select 1',
  'begin; select 1; commit; select 2',
  'commit and chain',
  'select 1/0',
  'select 1; select 1/0; select 2',
  'nonsense',
  'copy t from stdin',
  'copy (select generate_series(1, 20)) to stdout',
  'copy t from stdin; select 1; copy t from stdin',
  'copy nowhere from stdin',
  'insert into d values (1)',
];
const STATEMENTS = [
  'select 1',
  'select generate_series(1, 9)',
  'select 1/0',
  'nonsense',
  'begin',
  'commit',
  '',
  'copy t from stdin',
  'insert into d values (1)',
];

/** One move of the client: mostly sensible, sometimes not. */
function turn(roll: ReturnType<typeof dice>): readonly Piece[] {
  const series = (): readonly Piece[] => [
    parse(roll(STATEMENTS)),
    BIND,
    ...(roll([true, false]) ? [DESCRIBE] : []),
    execute(roll([0, 0, 2])),
  ];
  switch (roll([0, 0, 0, 1, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9])) {
    case 0:
      return [query(roll(QUERIES))];
    case 1:
      return [...series(), SYNC];
    case 2:
      return [...series(), FLUSH];
    case 3:
      return [...series(), query(roll(QUERIES))];
    case 4:
      return [SYNC];
    case 5:
      return [roll([parse(roll(STATEMENTS)), BIND, execute(), execute(2), CLOSE, DESCRIBE_STATEMENT, DESCRIBE, FLUSH])];
    case 6:
      return [roll([DATA, BAD_DATA]), roll([DONE, DONE, GIVE_UP])];
    case 7:
      return [query('copy t from stdin'), DATA, roll([SYNC, FLUSH, DATA, BAD_DATA]), DONE];
    case 8:
      return [parse('copy t from stdin'), BIND, execute(), roll([SYNC, FLUSH]), DATA, roll([DATA, BAD_DATA]), roll([DONE, GIVE_UP]), SYNC];
    default:
      return [CALL];
  }
}

/** What the kernel holds for either end of a connection on loopback: read before the server, whose waiting then means that it has no more to do. */
function hasBytesUnderWay(serverPort: number, clientPort: number): boolean {
  const end = (port: number): string => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = readFileSync('/proc/net/tcp', 'latin1');
  const isEmpty = (local: number, remote: number): boolean => sockets.includes(`${end(local)} ${end(remote)} 01 00000000:00000000`);
  return !isEmpty(serverPort, clientPort) || !isEmpty(clientPort, serverPort);
}

class Session {
  readonly boundary = new Boundary();
  readonly #socket: Socket;
  readonly #walk = new MessageWalk(INTEREST);
  bytes = 0;
  pid = 0;
  isClosed = false;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port });
    this.#socket.on('error', () => (this.isClosed = true)).on('close', () => (this.isClosed = true));
    this.#socket.on('data', (chunk) => {
      if (this.pid === 0) this.#learnPid(chunk);
      this.bytes += chunk.length;
      for (let at = this.#walk.feed(chunk, 0); at >= 0; at = this.#walk.feed(chunk, at)) {
        const wasBoundary = this.boundary.at === 'boundary';
        if (this.#walk.type === FROM_SERVER.error && this.#inCopy) this.copyFailed = true;
        if (this.#walk.type === FROM_SERVER.copyIn) this.#inCopy = true;
        else if (this.#walk.type !== FROM_SERVER.rowDescription) this.#inCopy = false;
        this.boundary.server(this.#walk.type, this.#walk.firstByte);
        // An answer at a boundary is one that had been outstanding. The server's farewell is none.
        if (wasBoundary && !(this.#walk.type === FROM_SERVER.error)) this.answeredAtBoundary = true;
        if (wasBoundary && this.#walk.type === FROM_SERVER.error) this.erredAtBoundary = true;
      }
    });
    this.#socket.write(startupPacket({ user: 'raw', database: 'postgres' }));
  }

  answeredAtBoundary = false;
  /** A COPY from the client has failed after it had begun: the one case in which nobody can count. */
  copyFailed = false;
  #inCopy = false;
  erredAtBoundary = false;

  send(pieces: readonly Piece[]): void {
    this.#socket.write(Buffer.concat(pieces.map(({ bytes }) => bytes)));
    for (const { type } of pieces) this.boundary.client(type.charCodeAt(0));
  }

  at(): At {
    return this.boundary.at;
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  close(): void {
    this.#socket.destroy();
  }

  #learnPid(chunk: Buffer): void {
    const key = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
    if (key >= 0) this.pid = chunk.readUInt32BE(key + 5);
  }
}

type Server = { readonly isIdle: boolean; readonly waits: boolean };

describe('the count of answers', () => {
  let fixture: PostgresFixture;
  let observer: pg.Pool;

  beforeAll(async () => {
    fixture = await PostgresFixture.start();
    observer = new pg.Pool({
      host: '127.0.0.1',
      port: fixture.port,
      user: 'postgres',
      password: 'secret-for-tests',
      database: 'postgres',
    });
    // The server may stop before the pool has noticed that it was closed.
    observer.on('error', () => undefined);
    await observer.query(`create role raw login; create table t (a int); create table d (a int);
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused at the end'; end $$;
      create constraint trigger late after insert on d deferrable initially deferred for each row execute function refuse();
      grant all on t, d to raw`);
  });

  afterAll(async () => {
    await observer.end();
    await fixture.remove();
  });

  const look = async (pid: number): Promise<Server> => {
    const { rows } = await observer.query<{ state: string; wait: string | null }>(
      'select state, wait_event as wait from pg_stat_activity where pid = $1',
      [pid],
    );
    const state = rows[0];
    return { isIdle: state?.state === 'idle', waits: state === undefined || state.wait === 'ClientRead' };
  };

  /** Nothing is under way in either direction, and then the server is seen to wait for the client. */
  const silence = async (session: Session): Promise<Server> => {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (session.isClosed) return { isIdle: false, waits: true };
      const before = session.bytes;
      if (hasBytesUnderWay(fixture.port, session.localPort)) continue;
      const server = await look(session.pid);
      if (!server.waits || hasBytesUnderWay(fixture.port, session.localPort)) continue;
      await new Promise((resolve) => setImmediate(resolve));
      if (session.bytes === before) return server;
    }
  };

  it('says boundary in a silence exactly when the server is idle, and never while an answer is to come', { timeout: 120_000 }, async () => {
    const tally = { boundary: 0, unsure: 0, other: 0, broken: 0 };
    const play = async (seed: number): Promise<void> => {
      const roll = dice(seed);
      const session = new Session(fixture.port);
      while (session.at() === 'busy') await new Promise((resolve) => setImmediate(resolve));
      let unsynced = false;
      for (let burst = 0; burst < 4; burst += 1) {
        const pieces = Array.from({ length: roll([1, 1, 2, 3, 5]) }, () => turn(roll)).flat();
        session.send(pieces);
        for (const { type } of pieces) {
          if (UNSYNCED.includes(type)) unsynced = true;
          else if ('QFS'.includes(type)) unsynced = false;
        }
        const server = await silence(session);
        const said: At = session.at();
        const story = { seed, burst, said, sent: pieces.map(({ type }) => type).join('') };
        expect({ ...story, answeredAtBoundary: session.answeredAtBoundary }).toEqual({ ...story, answeredAtBoundary: false });
        if (session.isClosed) {
          tally.broken += 1;
          break;
        }
        expect({ ...story, erredAtBoundary: session.erredAtBoundary }).toEqual({ ...story, erredAtBoundary: false });
        if (said === 'unsure') {
          expect({ ...story, copyFailed: session.copyFailed }).toEqual({ ...story, copyFailed: true });
          tally.unsure += 1;
        } else {
          // A message like Close opens no transaction that the server would show, but without a Sync the client is not done.
          let isIdle = server.isIdle && !unsynced;
          if (isIdle && said === 'busy') {
            // A Describe that fails is not shown either: the server skips what comes. A Query, which a server that is idle answers, tells.
            const before = session.bytes;
            session.send([query('select 1')]);
            await silence(session);
            isIdle = session.bytes > before;
          }
          expect({ ...story, isBoundary: said === 'boundary' }).toEqual({ ...story, isBoundary: isIdle });
          tally[said === 'boundary' ? 'boundary' : 'other'] += 1;
        }
      }
      session.close();
    };
    let next = 1;
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        while (next <= SEEDS) await play(next++);
      }),
    );
    expect(tally.boundary).toBeGreaterThan(SEEDS / 2);
    expect(tally.unsure).toBeLessThan(tally.boundary);
  });
});
