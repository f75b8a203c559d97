import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditRequest, readAudit, restoreUnnamed, type Known } from '../../../../proxy/move/audit.ts';
import { frame, parse, query, splitMessages } from '../../../../proxy/move/frames.ts';
import { judgeLate, judgeReplay, judgeVerify, lateRequest, replayRequest, reportChanges } from '../../../../proxy/move/replay.ts';
import { isSame, type SessionState } from '../../../../proxy/move/session-state.ts';

const KNOWN: Known = { user: 'app', unnamed: { kind: 'none' }, settingNames: [], namesOverflow: false, asksSequences: false };
const STATE: SessionState = { kind: 'state', settings: [], prepared: [], role: 'none', statementTimeout: '0', unnamed: null };

const READY = frame(0x5a, 'I');
const done = (tag: string): Buffer => frame(0x43, `${tag}\0`);
const error = (code: string): Buffer => frame(0x45, `SERROR\0C${code}\0Mno\0\0`);
const notification = frame(0x41, '\0\0\0\x01news\0\0');
const report = frame(0x53, 'TimeZone\0UTC\0');

function row(...values: readonly (string | null)[]): Buffer {
  const parts = values.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    return `${length.toString('latin1')}${value ?? ''}`;
  });
  return frame(0x44, `\0${String.fromCharCode(values.length)}${parts.join('')}`);
}

/** The answer of a server with these rows; `last` is what lastval said. */
function answer(rows: readonly Buffer[], last: readonly Buffer[] = [error('55000')]): Buffer {
  return Buffer.concat([row('0'), done('SHOW'), done('SET'), done('SET'), ...rows, done('SELECT'), ...last, READY]);
}

const ROLE = row('role', 'none', 'app', null, null);
const verdict = (bytes: Buffer, known: Partial<Known> = {}): unknown => readAudit(bytes, { ...KNOWN, ...known }).verdict;
const CUT = { kind: 'cut' };

describe('the audit', () => {
  it('reads what a session consists of, in the order of names', () => {
    const rows = [
      row('guc', 'work_mem', '7168', 'session', 'user'),
      row('guc', 'app.x', 'a', 'custom', null),
      row('prep', 's1', 'select $1', 'false', '{20,25}'),
      ROLE,
    ];
    expect(verdict(answer(rows))).toEqual({
      ...STATE,
      settings: [
        { name: 'app.x', value: 'a' },
        { name: 'work_mem', value: '7168' },
      ],
      prepared: [{ name: 's1', text: 'select $1', bySql: false, types: [20, 25] }],
    });
  });

  it('moves who has used a sequence, unless the client asks for it', () => {
    const used = answer([ROLE], [row('lastval', '7'), done('SELECT 1')]);
    expect(verdict(used)).toEqual(STATE);
    expect(verdict(used, { asksSequences: true })).toMatchObject(CUT);
    expect(verdict(answer([ROLE]), { asksSequences: true })).toEqual(STATE);
  });

  it.each([
    ['another error of lastval', answer([ROLE], [error('42501')])],
    ['an error before lastval', Buffer.concat([row('0'), done('SHOW'), error('55000'), READY])],
    ['no role', answer([])],
    ['another session user', answer([row('role', 'none', 'other', null, null)])],
    ['a holdable cursor', answer([ROLE, row('cut', 'a holdable cursor', 'c', null, null)])],
    ['an unknown row', answer([ROLE, row('odd', 'x', 'y', null, null)])],
    ['a row of another width', answer([ROLE, row('guc', 'x')])],
    ['types that cannot be read', answer([ROLE, row('prep', 's', 'select 1', 'false', '{x}')])],
    ['a statement with our own name', answer([ROLE, row('prep', '_pgbaton_move', 'select 1', 'false', '{}')])],
    ['a transaction that stays open', Buffer.concat([answer([ROLE]).subarray(0, -1), Buffer.from('T')])],
    ['an answer too many', Buffer.concat([answer([ROLE]), READY])],
    ['an answer cut short', answer([ROLE]).subarray(0, -3)],
    ['nothing', Buffer.alloc(0)],
  ])('cuts at %s', (_what, bytes) => {
    expect(verdict(bytes)).toMatchObject(CUT);
  });

  it('survives what is no answer, and finds no state in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 400 }), (noise, at) => {
        expect(verdict(Buffer.from(noise))).toMatchObject(CUT);
        const damaged = Buffer.concat([answer([ROLE]).subarray(0, at), Buffer.from(noise)]);
        expect(['cut', 'state']).toContain(readAudit(damaged, KNOWN).verdict.kind);
      }),
    );
  });

  it('hands over what was the client’s and came in between', () => {
    const bytes = Buffer.concat([notification, report, frame(0x4e, 'Sx\0\0'), answer([ROLE])]);
    expect(readAudit(bytes, KNOWN)).toEqual({ verdict: STATE, passOn: Buffer.concat([notification, report]) });
  });

  it('does not ask a session that it could not move anyway', () => {
    expect(auditRequest({ ...KNOWN, namesOverflow: true })).toMatchObject(CUT);
    expect(auditRequest({ ...KNOWN, unnamed: { kind: 'too-long' } })).toMatchObject(CUT);
  });

  it('keeps an unnamed statement only if the server has it', () => {
    const message = parse('', 'select 1');
    const unnamed = { kind: 'parse', message } as const;
    const described = Buffer.concat([frame(0x74, '\0\0'), frame(0x6e, ''), READY]);
    expect(verdict(Buffer.concat([described, answer([ROLE])]), { unnamed })).toEqual({ ...STATE, unnamed: message.toString('latin1') });
    expect(verdict(Buffer.concat([error('26000'), READY, answer([ROLE])]), { unnamed })).toEqual(STATE);
    expect(verdict(answer([ROLE]), { unnamed })).toMatchObject(CUT);
    expect(restoreUnnamed({ ...KNOWN, unnamed })?.bytes.subarray(0, message.length)).toEqual(message);
    expect(restoreUnnamed(KNOWN)).toBeNull();
  });

  it('names itself, and lets no name out of its quotes', () => {
    const request = auditRequest({ ...KNOWN, settingNames: ['app.x', "a.b'; drop table t", 'a.\\', 'x', 'a.b\0'] });
    const text = 'bytes' in request ? request.bytes.toString('latin1') : '';
    expect(text.slice(5)).toMatch(/^\/\* pgbaton/);
    expect(text).toContain("array['app.x']::");
  });
});

describe('the replay', () => {
  const state: SessionState = {
    kind: 'state',
    settings: ['client_encoding', 'default_transaction_isolation', 'idle_session_timeout', 'work_mem'].map((name) => ({
      name,
      value: 'v',
    })),
    prepared: [
      { name: 'p', text: 'select 1', bySql: false, types: [23] },
      { name: 'q', text: 'prepare q as select 2', bySql: true, types: [] },
    ],
    role: 'member',
    statementTimeout: '5s',
    unnamed: parse('', 'select 3').toString('latin1'),
  };
  const answers = (...codes: readonly (string | null)[]): Buffer =>
    Buffer.concat(codes.flatMap((code) => [...(code === null ? [] : [error(code)]), READY]));

  it('sets the encoding first, the role last of the settings, the unnamed statement last of all, and leaves for later what would lock it up', () => {
    const { bytes, readyCount } = replayRequest(state);
    const text = bytes.toString('latin1');
    const order = ['read committed', 'client_encoding', 'work_mem', 'member', 'select 1', 'prepare q', 'select 3'].map((part) =>
      text.indexOf(part),
    );
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(text).not.toContain('idle_session_timeout');
    expect((splitMessages(bytes) ?? []).filter(({ type }) => type === 0x51 || type === 0x53)).toHaveLength(readyCount);
  });

  it('is judged message by message', () => {
    expect(judgeReplay(answers(null, null, null, null, null), state)).toEqual({ kind: 'ok', retry: [], retryUnnamed: false });
    expect(judgeReplay(answers(null, null, '42P01', null, '42P01'), state)).toEqual({
      kind: 'ok',
      retry: [state.prepared[0]],
      retryUnnamed: true,
    });
    for (const at of [0, 1, 2, 3, 4])
      expect(judgeReplay(answers(...[0, 1, 2, 3, 4].map((index) => (index === at ? '42601' : null))), state)).toMatchObject(CUT);
    expect(judgeReplay(answers(null, '42P01', null, null, null), state)).toMatchObject(CUT);
    expect(judgeReplay(answers(null, null), state)).toMatchObject(CUT);
    expect(judgeReplay(Buffer.concat([answers(null, null, null, null, null), error('57P01')]), state)).toMatchObject(CUT);
  });

  it('brings the rest behind the promotion, with no simple Query in it', () => {
    const rest = lateRequest(state, { kind: 'ok', retry: [...state.prepared], retryUnnamed: true });
    const types = (splitMessages(rest.bytes) ?? []).map(({ type }) => type);
    expect(types).not.toContain(query('')[0]);
    expect(types.filter((type) => type === 0x53)).toHaveLength(rest.readyCount);
    expect(rest.bytes.toString('latin1')).toContain('idle_session_timeout');
    expect(judgeLate(answers(null, null, null, null), rest)).toEqual({ kind: 'ok' });
    expect(judgeLate(answers(null, null, '42P01', null), rest)).toMatchObject(CUT);
    expect(judgeLate(answers(null), rest)).toMatchObject(CUT);
  });

  it('believes in the promotion only when the server says it', () => {
    expect(judgeVerify(Buffer.concat([row('f'), READY]))).toEqual({ kind: 'leader' });
    expect(judgeVerify(Buffer.concat([row('t'), report, READY]))).toEqual({ kind: 'in-recovery' });
    for (const bytes of [
      READY,
      Buffer.concat([row(null), READY]),
      Buffer.concat([row('f'), row('f'), READY]),
      Buffer.concat([error('57P01'), READY]),
    ])
      expect(judgeVerify(bytes)).toMatchObject(CUT);
  });

  it('tells the client what its server now reports differently, and cuts what no driver looks at again', () => {
    const old = new Map([
      ['server_version', '15.18'],
      ['server_encoding', 'UTF8'],
      ['integer_datetimes', 'on'],
      ['TimeZone', 'UTC'],
    ]);
    expect(reportChanges(old, old)).toEqual({ kind: 'ok', messages: Buffer.alloc(0) });
    expect(reportChanges(old, new Map([...old, ['TimeZone', 'CET'], ['server_version', '15.19']]))).toEqual({
      kind: 'ok',
      messages: Buffer.concat([frame(0x53, 'server_version\x0015.19\0'), frame(0x53, 'TimeZone\0CET\0')]),
    });
    for (const [name, value] of [
      ['server_version', '16.1'],
      ['server_encoding', 'LATIN1'],
      ['integer_datetimes', 'off'],
    ] as const)
      expect(reportChanges(old, new Map([...old, [name, value]]))).toMatchObject(CUT);
  });

  it('serves another state only if that is the same', () => {
    expect(isSame(state, structuredClone(state))).toBe(true);
    expect(isSame(state, { ...state, role: 'none' })).toBe(false);
    expect(isSame(state, { ...state, settings: state.settings.slice(1) })).toBe(false);
  });
});
