import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settingsOf, withoutSettings } from '../../../../proxy/core/startup-options.ts';
import type { Parameter } from '../../../../proxy/core/startup-parse.ts';

const isOurs = (name: string): boolean => name.startsWith('pgbaton.');

function ofOptions(options: string): readonly string[] {
  return settingsOf([['options', options]]).map(({ name, value }) => `${name}=${value}`);
}

function stripped(options: string): string | null {
  const left = withoutSettings([['options', options]], isOurs);
  return left[0]?.[1] ?? null;
}

describe('settingsOf', () => {
  it.each([
    ['', []],
    ['-c synchronous_commit=off', ['synchronous_commit=off']],
    ['-csynchronous_commit=off', ['synchronous_commit=off']],
    ['--synchronous-commit=off', ['synchronous_commit=off']],
    ['-c Synchronous-Commit=OFF', ['synchronous_commit=OFF']],
    ['  -c  a=1\t-c\nb=2 ', ['a=1', 'b=2']],
    [String.raw`-c application_name=two\ words -c x=\\`, ['application_name=two words', String.raw`x=\ `.trimEnd()]],
    ['-c a=b=c', ['a=b=c']],
    ['-e -B 100 -c a=1', ['a=1']],
    ['-ec a=1', ['a=1']],
    ['-B -c -c a=1', ['a=1']],
    ['-c', []],
    ['-c a', []],
    ['-c =1 -c a=1', ['a=1']],
    ['word -c a=1', []],
    ['-- -c a=1', []],
    ['-Z -c a=1', []],
  ])('reads %j as %j', (options, expected) => {
    expect(ofOptions(options)).toEqual(expected);
  });

  it('puts parameters of their own behind those in options, where PostgreSQL applies them', () => {
    expect(
      settingsOf([
        ['user', 'ann'],
        ['Synchronous_Commit', 'local'],
        ['_pq_.x', '1'],
        ['options', '-c synchronous_commit=off'],
      ]),
    ).toEqual([
      { name: 'synchronous_commit', value: 'off' },
      { name: 'synchronous_commit', value: 'local' },
    ]);
  });
});

describe('withoutSettings', () => {
  it.each([
    ['-c pgbaton.after=1', null],
    ['  -cpgbaton.after=1  ', null],
    ['-c a=1 -c pgbaton.after=1 -c b=2', '-c a=1 -c b=2'],
    ['-c pgbaton.after=1 -c b=2', '-c b=2'],
    ['-c a=1  --pgbaton.after=1', '-c a=1'],
    ['-c pgbaton.after=1 -c pgbaton.max_staleness_ms=2', null],
    ['-ec pgbaton.after=1 -c b=2', '-e -c b=2'],
    ['-ecpgbaton.after=1', '-e'],
    [String.raw`-c a=1\  -c PGBATON.after=1`, String.raw`-c a=1\ `],
    [String.raw`-c a=x\\ -c pgbaton.after=1 -c b=\ `, String.raw`-c a=x\\ -c b=\ `],
    ['-c a=1 nonsense -c pgbaton.after=1', '-c a=1 nonsense -c pgbaton.after=1'],
  ])('of %j leaves %j', (options, expected) => {
    expect(stripped(options)).toBe(expected);
  });

  it('takes parameters of their own out, and leaves all others and their order', () => {
    const parameters: readonly Parameter[] = [
      ['user', 'pgbaton.me'],
      ['pgbaton.after', '1'],
      ['_pq_.x', ''],
      ['database', 'b'],
    ];
    expect(withoutSettings(parameters, isOurs)).toEqual([parameters[0], parameters[2], parameters[3]]);
  });

  const piece = fc.constantFrom(
    ' ',
    '  ',
    '\\',
    '\\ ',
    '-c ',
    '-c',
    '--',
    '-e',
    'a=1',
    'pgbaton.after=1',
    'pgbaton.x=\\ y',
    '=',
    '\t',
    '\xff',
    'word',
  );
  const options = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  );

  it('is the very same array when nothing is ours, whatever stands there', () => {
    fc.assert(
      fc.property(options, (text) => {
        const parameters: readonly Parameter[] = [['options', text]];
        expect(withoutSettings(parameters, () => false)).toBe(parameters);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves exactly the other settings, whatever stands there', () => {
    fc.assert(
      fc.property(options, (text) => {
        const before = settingsOf([['options', text]]).filter(({ name }) => !isOurs(name));
        expect(settingsOf(withoutSettings([['options', text]], isOurs))).toEqual(before);
      }),
      { numRuns: 5_000 },
    );
  });
});
