// A stopped holder takes its record up again, or says why only an operator can go on.
import { describe, expect, test } from 'vitest';
import { decide } from '../../../../agent/core/decide.ts';
import type { Decision } from '../../../../agent/core/decision.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import type { ServerState } from '../../../../agent/postgres/port.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { rootHistory, timelineId, type TimelineHistory } from '../../../../shared/domain/timeline.ts';
import { factsOf, N2, NOW_MS, presentOf, recordOf, standby, SYSTEM_ID } from '../../../support/facts-builder.ts';

const floor = { timeline: timelineId(1), lsn: lsn(500n) };
const record = recordOf({ holder: N2, state: { kind: 'released', final: null }, timeline: timelineId(3), floor });
const AN_AGE_MS = 20_000;

function forked(timeline: number, end: bigint): TimelineHistory {
  return { timeline: timelineId(timeline), ancestors: [{ timeline: timelineId(1), end: lsn(end) }] };
}

function stopped(history: TimelineHistory, end: bigint): ServerState {
  return { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: true, cleanly: false, extent: { history, lsn: lsn(end) } };
}

function holderOf(state: ServerState, ageMs = AN_AGE_MS, file: Partial<Facts['file']> = {}): Decision {
  const facts = factsOf({ server: { state, seenAtMs: NOW_MS } }, { view: presentOf(record, ageMs) });
  return decide({ ...facts, file: { ...facts.file, ...file } }, EMPTY_MEMORY);
}

function takenUp(made: Decision): string | null {
  const change = made.actions.find((action) => action.kind === 'change');
  return change?.kind === 'change' ? `${change.rule} ${change.record.state.kind}` : null;
}

describe('a holder whose released record nobody has claimed', () => {
  test.each<readonly [string, ServerState, string]>([
    ['stopped on the timeline that the claim began from', stopped(rootHistory(timelineId(1)), 500n), 'T3 promoting'],
    ['standing at the floor', standby(500n), 'T3 promoting'],
    ['not yet done with its replay', standby(500n, { replayIdle: false, replayedLsn: lsn(300n) }), 'T3 promoting'],
    ['stopped on the reserved timeline', stopped(forked(3, 500n), 900n), 'T3 serving'],
  ])('takes it up again, %s', (_, state, rule) => {
    expect(takenUp(holderOf(state))).toBe(rule);
    expect(holderOf(state).alarm).toBeNull();
  });

  test.each<readonly [string, ServerState, Partial<Facts['file']>]>([
    ['it was promoted by hand, and stopped', stopped(forked(2, 500n), 700n), {}],
    ['its timeline has the number of the claim and left elsewhere', stopped(forked(3, 400n), 700n), {}],
    ['it stands beyond the floor', standby(900n), {}],
    ['it follows a promotion by hand', standby(700n, { history: forked(2, 500n) }), {}],
    ['its data directory is gone', { kind: 'absent' }, {}],
    ['its data directory is half made', stopped(rootHistory(timelineId(1)), 500n), { dir: 'rebuilding' }],
  ])('does not, and calls an operator, because %s', (_, state, file) => {
    const made = holderOf(state, AN_AGE_MS, file);
    expect(takenUp(made)).toBeNull();
    expect(made.alarm).toMatch(/^PGB-1304 .*: an operator must fail over$/);
  });

  test('calls nobody before the others have had their time', () => {
    expect(holderOf(stopped(forked(2, 500n), 700n), 100)).toMatchObject({ alarm: null, actions: [] });
  });
});
