// What stands against a node, from the facts alone.
import { describe, expect, test } from 'vitest';
import { alarmsOf, weakOverrides } from '../../../../agent/core/alarms.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import type { JobKind } from '../../../../agent/core/actions.ts';
import { factsOf, NOW_MS, primary, standby } from '../../../support/facts-builder.ts';

const STARTING: Facts['server'] = { state: { kind: 'starting' }, seenAtMs: NOW_MS };

function failing(kind: JobKind, why: string, count = 1, agoMs = 100): Facts {
  return factsOf({ server: STARTING, failures: new Map([[kind, { atMs: NOW_MS - agoMs, count, why }]]) });
}

describe('alarms', () => {
  test('a healthy node has none', () => {
    expect(alarmsOf(factsOf(), false)).toEqual([]);
  });

  test('what only an operator can mend is told at its first failure', () => {
    expect(alarmsOf(failing('start-standby', 'PGB-1101 somebody else listens on 127.0.0.1:5432'), false)).toEqual([
      { key: 'job/start-standby', code: 'PGB-1101', detail: 'start-standby: somebody else listens on 127.0.0.1:5432' },
    ]);
  });

  test('other failures are told when they repeat, and the ordinary ones of a cluster never', () => {
    expect(alarmsOf(failing('clone', 'PGB-1310 ended with 1', 2), false)).toEqual([]);
    expect(alarmsOf(failing('clone', 'PGB-1310 ended with 1', 3), false)).toHaveLength(1);
    expect(alarmsOf(failing('clone', 'PGB-1405 the record has moved on', 9), false)).toEqual([]);
  });

  test('a failure is over when it is old, or when the server runs all the same', () => {
    const full = 'PGB-1104 no space left';
    expect(alarmsOf(failing('rewind', full, 3, 60_000), false)).toEqual([]);
    const runs = factsOf({ failures: failing('rewind', full).failures });
    expect(alarmsOf(runs, false)).toEqual([]);
    expect(alarmsOf({ ...runs, failures: failing('promise', full).failures }, false)).toHaveLength(1);
  });

  test('a directory that cannot be read is told with its code, a server that is merely slow is not', () => {
    const silent = (code?: string): Facts =>
      factsOf({ server: { state: { kind: 'silent', why: 'so', ...(code === undefined ? {} : { code }) }, seenAtMs: NOW_MS } });
    expect(alarmsOf(silent('PGB-1302'), false)).toEqual([{ key: 'directory', code: 'PGB-1302', detail: 'so' }]);
    expect(alarmsOf(silent(), false)).toEqual([]);
  });

  test('a guard that is missing is told', () => {
    expect(alarmsOf(factsOf(), true).map(({ code }) => code)).toEqual(['PGB-1320']);
  });
});

describe('a role or database that commits less than is promised', () => {
  const LEADING = factsOf({ server: { state: primary(100n), seenAtMs: NOW_MS } });
  const FOLLOWING = factsOf({ server: { state: standby(100n), seenAtMs: NOW_MS } });
  const OFF = { role: 'app', database: 'shop', value: 'off' };

  test('is told where the primary runs, with its name', () => {
    expect(
      weakOverrides(LEADING, [OFF, { role: null, database: 'logs', value: 'local' }, { role: null, database: null, value: 'off' }]),
    ).toEqual([
      {
        key: 'commit-overrides',
        code: 'PGB-1333',
        detail:
          'commits may be lost in a failover: role app in database shop has synchronous_commit = off, database logs has synchronous_commit = local, every role has synchronous_commit = off',
      },
    ]);
  });

  test('is not told where it asks for as much as is promised, or more', () => {
    expect(
      weakOverrides(
        LEADING,
        ['on', 'remote_apply', 'yes'].map((value) => ({ ...OFF, value })),
      ),
    ).toEqual([]);
  });

  test('is not told by a standby, which has the same catalog', () => {
    expect(weakOverrides(FOLLOWING, [OFF])).toEqual([]);
  });

  test('is cut short when there are many', () => {
    const [alarm] = weakOverrides(
      LEADING,
      Array.from({ length: 8 }, (_, at) => ({ ...OFF, role: `r${String(at)}` })),
    );
    expect(alarm?.detail).toMatch(/role r4 in database shop has synchronous_commit = off and 3 more$/);
  });
});
