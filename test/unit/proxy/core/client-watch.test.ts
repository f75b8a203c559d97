import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientWatch, MAX_LOOK_BYTES, MAX_UNNAMED_BYTES } from '../../../../proxy/core/client-watch.ts';

function message(type: string, body: Buffer | string): Buffer {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body, 'latin1');
  const header = Buffer.alloc(5);
  header.write(type, 0);
  header.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

const query = (text: string): Buffer => message('Q', `${text}\0`);
const parse = (text: string, name = ''): Buffer => message('P', `${name}\0${text}\0\0\0`);

type Seen = { readonly type: string; readonly end: number };

function watchAll(watch: ClientWatch, bytes: Buffer, cuts: readonly number[] = []): Seen[] {
  const seen: Seen[] = [];
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted((a, b) => a - b);
  for (const [index, edge] of edges.entries()) {
    const chunk = bytes.subarray(edge, edges[index + 1] ?? edge);
    for (let from = 0, at = watch.feed(chunk, 0); at >= 0; from = at, at = watch.feed(chunk, from)) {
      seen.push({ type: String.fromCharCode(watch.type), end: edge + at });
    }
  }
  return seen;
}

function watched(...messages: readonly Buffer[]): ClientWatch {
  const watch = new ClientWatch();
  watchAll(watch, Buffer.concat(messages));
  return watch;
}

const unnamedText = (watch: ClientWatch): string =>
  watch.unnamed.kind === 'parse' ? Buffer.from(watch.unnamed.message).toString('latin1') : watch.unnamed.kind;

const anyMessage = fc.oneof(
  fc.constantFrom(
    query("set app.tenant = 'x'"),
    query("select set_config('app.other', 'y', false)"),
    query('select lastval()'),
    query(''),
    parse('select 1'),
    parse('select 2'),
    parse('set my.thing to 3', 'named'),
    parse(`select '${'x'.repeat(3_000)}'`),
    message('S', ''),
    message('C', 'S\0'),
  ),
  fc
    .record({ type: fc.constantFrom('B', 'E', 'd', 'D', 'H'), body: fc.uint8Array({ maxLength: 40 }) })
    .map(({ type, body }) => message(type, Buffer.from(body))),
);

describe('ClientWatch', () => {
  it('reports each message where it ends and learns the same, however the stream is cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 30 }), (messages, cuts) => {
        const expected: Seen[] = [];
        let end = 0;
        for (const one of messages) expected.push({ type: one.toString('latin1', 0, 1), end: (end += one.length) });
        const bytes = Buffer.concat(messages);
        const whole = new ClientWatch();
        const pieces = new ClientWatch();
        expect(watchAll(whole, bytes)).toEqual(expected);
        expect(watchAll(pieces, bytes, cuts)).toEqual(expected);
        expect(whole.atBoundary && pieces.atBoundary).toBe(true);
        expect(unnamedText(pieces)).toBe(unnamedText(whole));
        expect(pieces.settingNames).toEqual(whole.settingNames);
        expect(pieces.asksSequences).toBe(whole.asksSequences);
      }),
      { numRuns: 1_000 },
    );
  });

  it('survives random bytes in random chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (chunks) => {
        const watch = new ClientWatch();
        for (const chunk of chunks) watchAll(watch, Buffer.from(chunk));
      }),
    );
  });

  it('keeps the last Parse of the unnamed statement until something ends it', () => {
    const first = parse('select 1');
    const second = parse('select $1::int');
    expect(unnamedText(watched(first, second, parse('select 3', 'named')))).toBe(second.toString('latin1'));
    expect(unnamedText(watched(first, query('select 1')))).toBe('none');
    expect(unnamedText(watched(first, message('C', 'S\0')))).toBe('none');
    expect(unnamedText(watched(first, message('C', 'P\0'), message('C', 'Sx\0')))).toBe(first.toString('latin1'));
  });

  it('keeps its own copy of it', () => {
    const chunk = parse('select 1');
    const said = chunk.toString('latin1');
    const watch = watched(chunk);
    chunk.fill(0);
    expect(unnamedText(watch)).toBe(said);
  });

  it('says that an unnamed statement is too long to be kept, in one piece and in many', () => {
    const edge = MAX_UNNAMED_BYTES - parse('').length + 5;
    for (const [length, kind] of [
      [edge, 'parse'],
      [edge + 1, 'too-long'],
      [3 * edge, 'too-long'],
    ] as const) {
      const long = parse('x'.repeat(length));
      expect(watched(long).unnamed.kind).toBe(kind);
      const watch = new ClientWatch();
      watchAll(watch, long, [7, 1_000, 40_000, 66_000]);
      expect(watch.unnamed.kind).toBe(kind);
    }
  });

  it.each([
    ['set app.tenant = 1', ['app.tenant']],
    ["SET LOCAL App.Tenant TO 'x y.z'", ['app.tenant']],
    ['set session "app"."x" to 1; set a.b.c=2', ['app.x', 'a.b.c']],
    ["select set_config('app.user', $1, true), pg_catalog.SET_CONFIG( 'b.c' ,'',false)", ['app.user', 'b.c']],
    ["select my_setter('q.r')", ['q.r']],
    ["set app.x = 'a' -- again\n; set app.X\t=2", ['app.x', 'app.x']],
    ['set a\u00e9.b = 1', ['a\u00e9.b']],
    ['select u.id, u.name from users u order by u.id offset 10', []],
    ['update t set x = 1.5 from u where t.id in (select u.id from u)', []],
    ["select 'app.x' = a.b", []],
    ["set x to 'a..b'; set y to '.c'; set z to 'd.'; set q to '1.x'", []],
    [`set a.${'x'.repeat(80)} = 1`, []],
    ['set a.b', []],
    ['set a.b total', []],
  ])('gathers the names of custom settings: %s', (text, names) => {
    expect(watched(query(text)).settingNames).toEqual([...new Set(names)]);
    expect(watched(parse(text, 'some')).settingNames).toEqual([...new Set(names)]);
  });

  it('looks only so far into a text', () => {
    const padding = ' '.repeat(MAX_LOOK_BYTES);
    expect(watched(query(`${padding}set a.b = 1`)).settingNames).toEqual([]);
    expect(watched(query(`set a.b = 1${padding}`)).settingNames).toEqual(['a.b']);
  });

  it('keeps a bounded number of names and says when there were more', () => {
    const watch = new ClientWatch();
    for (let index = 0; index < 64; index += 1) watchAll(watch, query(`set a.b${String(index)} = 1`));
    expect(watch.namesOverflow).toBe(false);
    watchAll(watch, query('set a.b1 = 1'));
    expect(watch.namesOverflow).toBe(false);
    watchAll(watch, query('set a.more = 1'));
    expect(watch.namesOverflow).toBe(true);
    expect(watch.settingNames).toHaveLength(64);
  });

  it.each([
    ['select lastval()', true],
    ["select pg_catalog.CurrVal ('s')", true],
    ['select "lastval"()', true],
    ["select nextval('s')", false],
    ['select lastval from t', false],
    ['select ()', false],
  ])('remembers whether the client asks for sequences it has used: %s', (text, asks) => {
    expect(watched(query(text), query('select 1')).asksSequences).toBe(asks);
  });

  it('reads no text but that of Query and Parse', () => {
    const watch = watched(message('d', 'set a.b = 1; select lastval()\0'), message('B', '\0\0set a.b = 1\0'));
    expect(watch.settingNames).toEqual([]);
    expect(watch.asksSequences).toBe(false);
  });
});
