// The gate before every other decision: what lies in the data directory must be what this node put there.
import { describe, expect, test } from 'vitest';
import { decide } from '../../../../agent/core/decide.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';
import { factsOf, N1, SYSTEM_ID } from '../../../support/facts-builder.ts';

const OTHER = '7999999999999999999';

function stopped(systemId: string, marker: MemberId | null): Facts['server'] {
  return { state: { kind: 'stopped', systemId, wasPrimary: true, cleanly: true, extent: null, marker }, seenAtMs: 0 };
}

describe('a data directory that is not ours', () => {
  const ours = factsOf({}, {}, N1);

  test.each(['ok', 'rebuilding'] as const)('of another system, while our notes say %s: an alarm, and nothing is done to it', (dir) => {
    const facts = { ...ours, file: { ...ours.file, dir }, server: stopped(OTHER, null) };
    const { alarm, actions } = decide(facts, EMPTY_MEMORY);
    expect(alarm).toMatch(/^PGB-1301 .*7999999999999999999/);
    expect(actions).toEqual([]);
  });

  test('of another member of the same system: an alarm, and nothing is done to it', () => {
    const { alarm, actions } = decide({ ...ours, server: stopped(SYSTEM_ID, 'n2~ffffffffffff' as MemberId) }, EMPTY_MEMORY);
    expect(alarm).toMatch(/^PGB-1301 .*n2~ffffffffffff/);
    expect(actions).toEqual([]);
  });

  test('with no record in the store: it is not recorded as a new cluster', () => {
    const facts: Facts = {
      ...ours,
      file: { ...ours.file, accepted: null },
      store: { ...ours.store, view: { kind: 'absent', readAtMs: 0 } },
      server: stopped(OTHER, null),
    };
    const { alarm, actions } = decide(facts, EMPTY_MEMORY);
    expect(alarm).toMatch(/^PGB-1301 /);
    expect(actions).toEqual([]);
  });

  test('seen before a job began to remake it: says nothing', () => {
    const facts: Facts = { ...ours, server: stopped(OTHER, null), job: { kind: 'clone', sinceMs: 0 } };
    expect(decide(facts, EMPTY_MEMORY).alarm).toBeNull();
  });
});
