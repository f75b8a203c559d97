import { describe, expect, it } from 'vitest';
import type { SyncSetting } from '../../../../agent/postgres/port.ts';
import { expectedPriority, parseSync, renderSync } from '../../../../agent/postgres/sync-names.ts';
import { InvariantError } from '../../../../shared/assert.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';

const [a, b, c] = ['node-1~0000000000aa', 'node-2~0000000000bb', 'n_3~0000000000cc'] as unknown as readonly [MemberId, MemberId, MemberId];

const settings: readonly (readonly [SyncSetting, string])[] = [
  [{ kind: 'placeholder' }, 'ANY 1 ("pgbaton-none")'],
  [{ kind: 'no-wait' }, ''],
  [{ kind: 'any', set: memberSet([b, a], 1) }, 'ANY 1 ("node-1~0000000000aa","node-2~0000000000bb")'],
  [{ kind: 'any', set: memberSet([a], 1) }, 'ANY 1 ("node-1~0000000000aa")'],
  [{ kind: 'first', set: memberSet([a, b], 2), generation: 17 }, 'FIRST 2 ("gen-17","node-1~0000000000aa","node-2~0000000000bb")'],
];

describe('synchronous_standby_names', () => {
  it.each(settings)('%j is written with every name quoted, and read back', (setting, text) => {
    expect(renderSync(setting)).toBe(text);
    expect(parseSync(text)).toEqual(setting);
  });

  it.each(['*', 'node-1', 'ANY 1 (node-1)', 'FIRST 1 ("node-1~0000000000aa")', 'ANY 1 ("*")', 'ANY x ("a")'])(
    '%j is nothing that pgbaton writes',
    (text) => {
      expect(parseSync(text)).toBeNull();
    },
  );

  it('is never written with more acknowledgements than members: it would wait for ever', () => {
    expect(() => renderSync({ kind: 'any', set: { members: [a], k: 2 } })).toThrow(InvariantError);
    expect(() => renderSync({ kind: 'any', set: { members: [], k: 0 } })).toThrow(InvariantError);
  });

  it('tells the priority of every walsender: under ANY one for all, under FIRST the place in the list', () => {
    const set = memberSet([a, b], 1);
    expect([a, b, c].map((member) => expectedPriority({ kind: 'any', set }, member))).toEqual([1, 1, 0]);
    expect([a, b, c].map((member) => expectedPriority({ kind: 'first', set, generation: 1 }, member))).toEqual([2, 3, 0]);
    expect([a, b, c].map((member) => expectedPriority({ kind: 'placeholder' }, member))).toEqual([0, 0, 0]);
    expect([a, b, c].map((member) => expectedPriority({ kind: 'no-wait' }, member))).toEqual([0, 0, 0]);
  });

  it('gives no member the same priority under FIRST as under ANY, so that the step is seen', () => {
    const set = memberSet([a, b, c], 2);
    for (const member of set.members)
      expect(expectedPriority({ kind: 'first', set, generation: 2 }, member)).not.toBe(expectedPriority({ kind: 'any', set }, member));
  });
});
