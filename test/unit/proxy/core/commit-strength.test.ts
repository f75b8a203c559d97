import { describe, expect, it } from 'vitest';
import { weakCommitOf } from '../../../../proxy/core/commit-strength.ts';

const of = (...values: readonly string[]): Parameters<typeof weakCommitOf>[0] =>
  values.map((value) => ({ name: 'synchronous_commit', value }));

describe('weakCommitOf', () => {
  it.each([
    ['off', 'off', 'off'],
    ['FALSE', 'off', 'off'],
    ['no', 'off', 'off'],
    ['0', 'off', 'off'],
    ['local', 'local', null],
    ['Remote_Write', 'remote_write', null],
    ['on', null, null],
    ['1', null, null],
    ['remote_apply', null, null],
    ['nonsense', null, null],
    ['constructor', null, null],
  ] as const)('%s is %s in quorum mode and %s in async mode', (value, quorum, async) => {
    expect([weakCommitOf(of(value), 'quorum'), weakCommitOf(of(value), 'async')]).toEqual([quorum, async]);
  });

  it('goes by the last word of the client', () => {
    expect(weakCommitOf(of('off', 'on'), 'quorum')).toBeNull();
    expect(weakCommitOf(of('on', 'local'), 'quorum')).toBe('local');
    expect(weakCommitOf([], 'quorum')).toBeNull();
  });
});
