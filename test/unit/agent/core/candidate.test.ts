// Whose word begins a take-over, and of which record; and what a final position entitles to.
import { describe, expect, test } from 'vitest';
import { triggerOf } from '../../../../agent/core/candidate.ts';
import { decide } from '../../../../agent/core/decide.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet, NOBODY } from '../../../../shared/domain/member-set.ts';
import { timelineId, type TimelineHistory } from '../../../../shared/domain/timeline.ts';
import { factsOf, historyOf, N2, N3, NOW_MS, presentOf, recordOf, standby } from '../../../support/facts-builder.ts';

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

describe('a claim by a final position (T2)', () => {
  /** N1 left timeline 1 at 1:400 for timeline 2, and ended cleanly at 2:900. */
  const floor = { timeline: timelineId(1), lsn: lsn(400n) };
  const end = { timeline: timelineId(2), lsn: lsn(900n) };
  const leftAt = (fork: bigint): TimelineHistory => ({ timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(fork) }] });

  function claimsOf(fork: bigint, state: LeaderRecord['state'], isHistoryKnown = true): readonly string[] {
    const record = recordOf({ timeline: timelineId(2), floor, state });
    const entries = [historyOf({ epoch: epoch(3n) }), historyOf({ timeline: timelineId(2), floor })];
    const facts = factsOf(
      {
        server: { state: standby(950n, { history: leftAt(fork) }), seenAtMs: NOW_MS },
        promiseKept: epoch(5n),
        following: null,
      },
      { view: presentOf(record), history: isHistoryKnown ? entries : [] },
      N2,
    );
    const file = { ...facts.file, promised: epoch(5n), accepted: record };
    return decide({ ...facts, file }, EMPTY_MEMORY).actions.flatMap((action) => (action.kind === 'change' ? [action.rule] : []));
  }

  const states: readonly LeaderRecord['state'][] = [
    { kind: 'handing-over', to: N2, final: end },
    { kind: 'released', final: end },
  ];

  test.each(states)('is made by whoever has come so far on the road of the record: %o', (state) => {
    expect(claimsOf(400n, state)).toEqual(['T2']);
  });

  test.each(states)('is not made over a fork that bears the same number: %o', (state) => {
    expect(claimsOf(300n, state), 'it never had what the holder wrote between 1:300 and the floor').toEqual([]);
    expect(claimsOf(480n, state), 'it has what nobody acknowledged behind the floor').toEqual([]);
    expect(claimsOf(400n, state, false), 'nothing may be concluded before the history is known').toEqual([]);
  });
});
