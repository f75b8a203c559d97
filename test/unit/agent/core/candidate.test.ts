// Whose word begins a take-over, and of which record.
import { describe, expect, test } from 'vitest';
import { triggerOf } from '../../../../agent/core/candidate.ts';
import { decide } from '../../../../agent/core/decide.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet, NOBODY } from '../../../../shared/domain/member-set.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import { factsOf, N3, NOW_MS, presentOf, recordOf, standby } from '../../../support/facts-builder.ts';

const final = { timeline: timelineId(1), lsn: lsn(900n) };
const STATES: readonly LeaderRecord['state'][] = [
  { kind: 'serving' },
  { kind: 'promoting' },
  { kind: 'released', final: null },
  { kind: 'released', final },
  { kind: 'handing-over', to: N3, final },
];

function told(force: boolean, record: LeaderRecord): Facts {
  const takeover = { epoch: epoch(4n), declareLost: [], force, askedAtMs: NOW_MS - 5 };
  const given = { takeover, server: { state: standby(500n), seenAtMs: NOW_MS }, promiseKept: epoch(5n) };
  const facts = factsOf(given, { view: presentOf(record, 60_000) });
  return { ...facts, file: { ...facts.file, promised: epoch(5n) } };
}

describe('an operator’s force', () => {
  test.each(STATES)('is heard whatever the record says: %o', (state) => {
    const record = recordOf({ state, set: memberSet([N3], 1) });
    expect(triggerOf(told(true, record), EMPTY_MEMORY, { record, modRevision: 50n, firstSeenAtMs: NOW_MS - 60_000 })).toBe('operator');
  });

  test('takes a released record that nobody stands in, once its lease has ended', () => {
    const record = recordOf({ state: { kind: 'released', final: null }, set: NOBODY });
    const claims = (facts: Facts): readonly string[] =>
      decide(facts, { ...EMPTY_MEMORY }).actions.map((action) => (action.kind === 'change' ? action.rule : action.kind));
    expect(claims(told(true, record))).toEqual(['T11']);
    expect(claims(told(false, record))).toEqual([]);
  });

  test('is the only word that is: a planned move leaves a released record to whoever has its end', () => {
    const record = recordOf({ state: { kind: 'released', final } });
    expect(triggerOf(told(false, record), EMPTY_MEMORY, { record, modRevision: 50n, firstSeenAtMs: NOW_MS })).toBe('released');
  });
});
