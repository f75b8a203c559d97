import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EMPTY_VIEW,
  judgeRecord,
  withFact,
  withNode,
  withoutNode,
  withoutProxy,
  withProxy,
  withSilence,
  type Leader,
} from '../../../../proxy/core/view.ts';
import { fact, leader, member, N1, N2, name, OPEN, record, STREAMING, threeNodes } from './fixture.ts';

describe('judgeRecord', () => {
  const current = leader(N1, 5, { kind: 'serving' }, 3);
  it.each([
    ['the first record', null, current, 'news'],
    ['a renewal', current, current, 'known'],
    ['a later change of the same epoch', current, leader(N1, 5, { kind: 'released', final: null }, 4), 'news'],
    ['an earlier change of the same epoch', current, leader(N1, 5, { kind: 'serving' }, 2), 'stale'],
    ['a higher epoch, whatever its seq', current, leader(N2, 6, { kind: 'promoting' }, 0), 'news'],
    ['a lower epoch, whatever its seq', current, leader(N2, 4, { kind: 'serving' }, 99), 'stale'],
    ['another database system', current, { ...leader(N2, 9), systemId: '8' }, 'other-cluster'],
  ] as const)('%s', (_what, before, next, expected) => {
    expect(judgeRecord(before, next)).toBe(expected);
  });

  it('lets the routed epoch never fall, whatever comes in whatever order (I15)', () => {
    const anyLeader = fc
      .record({ at: fc.integer({ min: 0, max: 5 }), seq: fc.integer({ min: 0, max: 3 }) })
      .map(({ at, seq }) => leader(N1, at, { kind: 'serving' }, seq));
    fc.assert(
      fc.property(fc.array(anyLeader, { maxLength: 30 }), (records) => {
        let routed: Leader | null = null;
        for (const next of records) {
          if (judgeRecord(routed, next) !== 'news') continue;
          if (routed !== null) expect(next.epoch > routed.epoch || (next.epoch === routed.epoch && next.seq > routed.seq)).toBe(true);
          routed = next;
        }
      }),
    );
  });
});

describe('the nodes of a view', () => {
  it('forget what was known of an incarnation when another takes its name', () => {
    const view = withNode(threeNodes(), name('n2'), record(member('n2', 'b'), 5432));
    expect(view.nodes.get(name('n2'))).toMatchObject({ fact: null, silentSinceMs: null });
  });

  it('keep what is known when only the address changes', () => {
    expect(withNode(threeNodes(), name('n2'), record(N2, 9_999)).nodes.get(name('n2'))?.fact?.postgres).toEqual(STREAMING);
  });

  it('count silence from the first unanswered question until the next answer', () => {
    const silent = withSilence(withSilence(threeNodes(), name('n2'), 10), name('n2'), 20);
    expect(silent.nodes.get(name('n2'))?.silentSinceMs).toBe(10);
    expect(withFact(silent, name('n2'), fact(N2, OPEN)).nodes.get(name('n2'))?.silentSinceMs).toBeNull();
  });

  it('are not brought back by an answer that arrives after they left', () => {
    const gone = withoutNode(threeNodes(), name('n2'));
    expect(withFact(gone, name('n2'), fact(N2, OPEN)).nodes.has(name('n2'))).toBe(false);
    expect(withSilence(gone, name('n2'), 1).nodes.has(name('n2'))).toBe(false);
  });
});

describe('the list of proxies', () => {
  it('has a bound, within which those that are listed may still move and leave', () => {
    let view = EMPTY_VIEW;
    for (let number = 0; number < 100; number += 1) view = withProxy(view, `p${String(number)}`, `http://h${String(number)}`);
    expect(view.proxies.size).toBe(64);
    expect(withProxy(view, 'p0', 'http://elsewhere').proxies.get('p0')).toBe('http://elsewhere');
    expect(withProxy(view, 'late', 'http://late')).toBe(view);
    expect(withProxy(withoutProxy(view, 'p0'), 'late', 'http://late').proxies.get('late')).toBe('http://late');
    expect(withoutProxy(view, 'nobody')).toBe(view);
  });
});
