/** A session is asked, made again on a real standby, and used after the promotion. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientWatch } from '../../../../proxy/core/client-watch.ts';
import { auditRequest, readAudit, restoreUnnamed, type Known } from '../../../../proxy/move/audit.ts';
import { columnsOf, frame, parse, query, run, SYNC } from '../../../../proxy/move/frames.ts';
import {
  judgeLate,
  judgeReplay,
  judgeVerify,
  lateRequest,
  replayRequest,
  reportChanges,
  VERIFY,
  type Replayed,
} from '../../../../proxy/move/replay.ts';
import { isSame, type Cut, type SessionState } from '../../../../proxy/move/session-state.ts';
import { until } from '../../../support/until.ts';
import { HandSession, TestServer, withBase } from './server-pair.ts';

const text = (characters: string): string => Buffer.from(characters, 'utf8').toString('latin1');

/** A client: what it sends is watched as the proxy watches it. */
class Client {
  readonly watch = new ClientWatch();
  readonly session: HandSession;
  readonly user: string;

  constructor(session: HandSession, user: string) {
    this.session = session;
    this.user = user;
  }

  static async at(port: number, user = 'app', parameters: Readonly<Record<string, string>> = {}): Promise<Client> {
    return new Client(await HandSession.open(port, user, parameters), user);
  }

  get known(): Known {
    const { unnamed, settingNames, namesOverflow, asksSequences } = this.watch;
    return { user: this.user, unnamed, settingNames, namesOverflow, asksSequences };
  }

  async say(...parts: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat([...parts, ...(parts.length === 1 && parts[0]?.[0] === 0x51 ? [] : [SYNC])]);
    for (let at = this.watch.feed(bytes, 0); at >= 0; at = this.watch.feed(bytes, at));
    const errors = (await this.session.messages(bytes, 1)).filter(({ type }) => type === 0x45);
    expect(errors.map(({ body }) => body.toString('latin1'))).toEqual([]);
  }

  async sql(statement: string): Promise<void> {
    await this.say(query(text(statement)));
  }

  async audit(): Promise<SessionState | Cut> {
    const request = auditRequest(this.known);
    if (!('bytes' in request)) return request;
    return readAudit(await this.session.say(request.bytes, request.readyCount), this.known).verdict;
  }
}

/** First column of what a query says. */
async function ask(session: HandSession, statement: string): Promise<string | null | undefined> {
  const rows = (await session.messages(query(text(statement)), 1)).filter(({ type }) => type === 0x44);
  return rows[0] === undefined ? undefined : columnsOf(rows[0].body)?.[0];
}

function mustBeState(verdict: SessionState | Cut): SessionState {
  expect(verdict).toMatchObject({ kind: 'state' });
  return verdict as SessionState;
}

function mustBeOk(verdict: Replayed): Extract<Replayed, { kind: 'ok' }> {
  expect(verdict).toMatchObject({ kind: 'ok' });
  return verdict as Extract<Replayed, { kind: 'ok' }>;
}

describe('moving a session', () => {
  let primary: TestServer;
  let standby: TestServer;
  let cleanUp: () => void = () => undefined;
  let cleaned: Promise<void> = Promise.resolve();
  const opened: Client[] = [];
  const client = async (user?: string, parameters?: Readonly<Record<string, string>>): Promise<Client> => {
    const one = await Client.at(primary.port, user, parameters);
    opened.push(one);
    return one;
  };

  beforeAll(async () => {
    const ready = new Promise<void>((resolve, reject) => {
      cleaned = withBase(async (base) => {
        const done = new Promise<void>((end) => (cleanUp = end));
        try {
          primary = await TestServer.fresh(base);
          await primary.sql(`create role app login superuser; create role plain login; create role member; grant member to plain;
            create table t (id serial primary key, v text); grant all on t, t_id_seq to public;
            create role serial_app login; alter role serial_app set default_transaction_isolation = serializable;
            alter role serial_app set statement_timeout = '7s'`);
          standby = await primary.standby(base);
          await until(
            'the standby has the roles',
            20_000,
            async () => (await standby.sql("select 1 from pg_roles where rolname = 'serial_app'")).length === 1,
          );
          resolve();
          await done;
        } finally {
          for (const one of opened) one.session.close();
          await primary.stop();
          await standby.stop();
        }
      });
      cleaned.catch(reject);
    });
    await ready;
  });

  afterAll(async () => {
    cleanUp();
    await cleaned;
  });

  it.each([
    ['a holdable cursor', ['begin; declare c1 cursor with hold for select 1; commit']],
    ['a LISTEN', ['listen news']],
    ['an advisory lock', ['select pg_advisory_lock(7)']],
    ['a temporary table', ['create temp table tt (a int)']],
    ['a temporary table', ["create function pg_temp.f() returns int language sql as 'select 1'"]],
    ['SET SESSION AUTHORIZATION', ['set session authorization plain']],
    ['lastval', ["insert into t (v) values ('x')", 'select lastval()']],
  ])('is refused, and the reason names %s', async (why, statements) => {
    const one = await client();
    for (const statement of statements) await one.sql(statement);
    const verdict = await one.audit();
    expect(verdict).toMatchObject({ kind: 'cut' });
    expect(verdict.kind === 'cut' && verdict.why).toContain(why);
  });

  it('is possible again when the state has gone', async () => {
    const one = await client();
    await one.sql('create temp table tt (a int); select pg_advisory_lock(3); listen n');
    await one.sql("drop table tt; select pg_advisory_unlock_all(); unlisten *; insert into t (v) values ('y')");
    mustBeState(await one.audit());
  });

  it('asks without being fooled by a search_path, killed by a timeout or stopped by an isolation, and leaves no trace', async () => {
    await primary.sql(`create schema if not exists evil; create or replace function evil.eq(text, text) returns bool language plpgsql as 'begin raise exception ''fooled''; end';
      create operator evil.= (leftarg = text, rightarg = text, function = evil.eq); create operator evil.<> (leftarg = text, rightarg = text, function = evil.eq);
      create operator evil.!~~ (leftarg = text, rightarg = text, function = evil.eq);
      create view evil.pg_settings as select 1 as fooled; create function evil.lastval() returns int8 language sql as 'select 1/0::int8'; grant usage on schema evil to public`);
    const one = await client('plain');
    await one.sql(
      "set search_path = evil, pg_catalog; set work_mem = '7MB'; set default_transaction_isolation = serializable; set default_transaction_read_only = on; set default_transaction_deferrable = on",
    );
    await one.sql("set statement_timeout = '1ms'");
    const state = mustBeState(await one.audit());
    expect(state.statementTimeout).toBe('1ms');
    expect(state.settings).toContainEqual({ name: 'work_mem', value: '7168' });
    expect(state.settings).toContainEqual({ name: 'search_path', value: 'evil, pg_catalog' });
    expect(isSame(state, mustBeState(await one.audit()))).toBe(true);
    expect(await ask(one.session, 'show statement_timeout')).toBe('1ms');
    expect(await ask(one.session, 'show transaction_isolation')).toBe('serializable');
  });

  it('takes the unnamed statement away and gives it back, and sees that there is none', async () => {
    const one = await client();
    await one.say(parse('', 'select 41 + $1::int', [23]));
    const state = mustBeState(await one.audit());
    expect(state.unnamed).not.toBeNull();
    const restore = restoreUnnamed(one.known);
    await one.session.say(restore!.bytes, restore!.readyCount);
    await one.say(run('', ['1']));
    const failed = await client();
    await failed.session.messages(Buffer.concat([parse('', 'select nonsense'), SYNC]), 1);
    const bytes = parse('', 'select nonsense');
    failed.watch.feed(bytes, 0);
    expect(mustBeState(await failed.audit()).unnamed).toBeNull();
  });

  it('refuses what cannot be made again', async () => {
    const one = await client();
    await one.sql('prepare m1 as select 1; prepare m2 as select 2');
    const state = mustBeState(await one.audit());
    const other = await HandSession.open(standby.port);
    const request = replayRequest(state);
    expect(judgeReplay(await other.say(request.bytes, request.readyCount), state)).toMatchObject({ kind: 'cut' });
    other.close();
  });

  it('brings settings, role and statements to the new leader, where they are as they were', async () => {
    const one = await client('plain', { application_name: 'moving', options: '-c app.start=s1' });
    const odd = `it''s \\ "odd" ünï 17`;
    await one.sql(
      `set work_mem = '7MB'; set datestyle = 'German'; set app.tenant = '${odd}'; set time zone 2; set search_path = "$user", public, pg_temp`,
    );
    await one.sql("select set_config('other.thing', '', false); set extra_float_digits = 2; set idle_session_timeout = '1h'");
    await one.sql('prepare m1 (int) as select $1 + 1');
    await one.sql('set role member; set default_transaction_isolation = serializable');
    await one.sql("set statement_timeout = '1234ms'");
    await one.say(parse('named', 'select $1::int8 * 2 from t limit 0', [0]));
    await one.say(parse('', "select 'unnamed ' || $1::text"));

    const startup = { application_name: 'moving', options: '-c app.start=s1' };
    const moved = await HandSession.open(standby.port, 'plain', startup);
    const serial = await client('serial_app');
    const serialMoved = await HandSession.open(standby.port, 'serial_app');
    const late = await client('app');
    const lateMoved = await HandSession.open(standby.port, 'app');

    const state = mustBeState(await one.audit());
    const serialState = mustBeState(await serial.audit());
    const request = replayRequest(state);
    const replayed = mustBeOk(judgeReplay(await moved.say(request.bytes, request.readyCount), state));
    expect(replayed).toMatchObject({ retry: [], retryUnnamed: false });
    const serialRequest = replayRequest(serialState);
    const serialReplayed = mustBeOk(judgeReplay(await serialMoved.say(serialRequest.bytes, serialRequest.readyCount), serialState));

    // A table that the standby cannot know yet.
    await standby.sql('select pg_wal_replay_pause()');
    await primary.sql('create table young (a int)');
    await late.say(parse('on_young', 'select * from young'));
    await late.sql('prepare by_sql as select count(*) from young');
    await late.say(parse('', 'select a from young'));
    const lateState = mustBeState(await late.audit());
    const lateReplay = replayRequest(lateState);
    const lateReplayed = mustBeOk(judgeReplay(await lateMoved.say(lateReplay.bytes, lateReplay.readyCount), lateState));
    expect(lateReplayed.retry).toHaveLength(2);
    expect(lateReplayed.retryUnnamed).toBe(true);
    await standby.sql('select pg_wal_replay_resume()');

    expect(judgeVerify(await moved.say(VERIFY.bytes, VERIFY.readyCount))).toEqual({ kind: 'in-recovery' });
    await primary.stop();
    await standby.sql('select pg_promote(true)');
    for (const [session, its, how] of [
      [moved, state, replayed],
      [serialMoved, serialState, serialReplayed],
      [lateMoved, lateState, lateReplayed],
    ] as const) {
      expect(judgeVerify(await session.say(VERIFY.bytes, VERIFY.readyCount))).toEqual({ kind: 'leader' });
      const rest = lateRequest(its, how);
      expect(judgeLate(await session.say(rest.bytes, rest.readyCount), rest)).toEqual({ kind: 'ok' });
    }
    expect(moved.reports.get('in_hot_standby')).toBe('off');
    expect(reportChanges(one.session.reports, moved.reports)).toEqual({ kind: 'ok', messages: Buffer.alloc(0) });

    // The unnamed statement first: every simple Query ends it.
    const unnamed = await moved.messages(Buffer.concat([run('', ['x']), SYNC]), 1);
    expect(columnsOf(unnamed.find(({ type }) => type === 0x44)!.body)).toEqual(['unnamed x']);
    const named = await moved.messages(Buffer.concat([run('named', ['4']), SYNC]), 1);
    expect(named.map(({ type }) => String.fromCharCode(type)).join('')).toBe('2CZ');
    const shown: readonly (readonly [string, string])[] = [
      ['show work_mem', '7MB'],
      ['show datestyle', 'German, DMY'],
      ['show app.tenant', text(odd.replaceAll("''", "'"))],
      ['show app.start', 's1'],
      ["select '<' || current_setting('other.thing') || '>'", '<>'],
      ['show timezone', '<+02>-02'],
      ['show search_path', '"$user", public, pg_temp'],
      ['show statement_timeout', '1234ms'],
      ['show default_transaction_isolation', 'serializable'],
      ['show transaction_isolation', 'serializable'],
      ['show idle_session_timeout', '1h'],
      ['select current_user', 'member'],
      ['select session_user', 'plain'],
      ['execute m1(41)', '42'],
      ["select count(*)::text from pg_prepared_statements where name in ('m1', 'named')", '2'],
      ['select count(*)::text from pg_prepared_statements', '2'],
    ];
    for (const [statement, value] of shown) expect([statement, await ask(moved, statement)]).toEqual([statement, value]);
    await moved.say(query('reset role'), 1);
    expect(await ask(moved, "insert into t (v) values ('z') returning v")).toBe('z');

    expect(await ask(serialMoved, 'show transaction_isolation')).toBe('serializable');
    expect(await ask(serialMoved, 'show statement_timeout')).toBe('7s');
    expect(await ask(serialMoved, "select source from pg_settings where name = 'statement_timeout'")).toBe('user');
    expect(await ask(serialMoved, "select source from pg_settings where name = 'default_transaction_isolation'")).toBe('user');
    expect((await lateMoved.messages(Buffer.concat([run('', []), SYNC]), 1)).at(-2)?.body.toString()).toBe('SELECT 0\0');
    expect((await lateMoved.messages(Buffer.concat([run('on_young', []), SYNC]), 1)).at(-2)?.body.toString()).toBe('SELECT 0\0');
    expect(await ask(lateMoved, 'execute by_sql')).toBe('0');
    expect((await lateMoved.messages(Buffer.concat([frame(0x48, ''), SYNC]), 1)).map(({ type }) => type)).toEqual([0x5a]);
    for (const session of [moved, serialMoved, lateMoved]) session.close();
  });
});
