// What the holder of the record decides, each case named as the claim it proves.
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../../agent/core/actions.ts';
import { decide } from '../../../../agent/core/decide.ts';
import { UNTRIED } from '../../../../agent/core/health.ts';
import { EMPTY_MEMORY as FORGETFUL, type Memory } from '../../../../agent/core/memory.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet, NOBODY } from '../../../../shared/domain/member-set.ts';
import { rootHistory, timelineId } from '../../../../shared/domain/timeline.ts';
import { factsOf, N1, N2, N3, NOW_MS, presentOf, primary, recordOf, standby, SYSTEM_ID } from '../../../support/facts-builder.ts';

/** The slots were looked after a moment ago. */
const EMPTY_MEMORY: Memory = { ...FORGETFUL, slotsKeptAtMs: NOW_MS, leadingSinceMs: NOW_MS - 60_000 };

function kinds(actions: readonly Action[]): readonly string[] {
  return actions.map((action) => (action.kind === 'job' ? `job:${action.job.kind}` : action.kind));
}

function claimIn(actions: readonly Action[]): Extract<Action, { kind: 'change' }> | undefined {
  return actions.find((action): action is Extract<Action, { kind: 'change' }> => action.kind === 'change');
}

describe('the holder', () => {
  const serving = { server: { state: primary(500n), seenAtMs: NOW_MS - 5 }, following: null, resting: null };

  test('renews before anything else after an agent start (S4)', () => {
    const made = decide(
      factsOf(
        { server: { state: { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: true, cleanly: false, extent: null }, seenAtMs: NOW_MS } },
        { renewedSinceStart: false, renewedAtMs: null },
        N1,
      ),
      EMPTY_MEMORY,
    );
    expect(kinds(made.actions)).toEqual(['renew']);
  });

  test('tells every member the moment its PostgreSQL is gone, and does not renew while they may claim', () => {
    const crashed = {
      guard: {
        guardPid: 1,
        deadline: null,
        postmaster: {
          kind: 'exited' as const,
          pid: 2,
          code: null,
          signal: 'SIGKILL',
          atMs: NOW_MS - 2,
          verifiedDead: false,
          why: 'crashed' as const,
        },
      },
      server: { state: primary(500n), seenAtMs: NOW_MS - 90 },
    };
    const made = decide(factsOf(crashed, { renewedAtMs: NOW_MS - 4_000 }, N1), EMPTY_MEMORY);
    expect(kinds(made.actions)).toEqual(['say-down', 'job:kill']);
    const later = decide(
      factsOf({ ...crashed, nowMs: NOW_MS + 400, downAcknowledged: new Set([N2, N3]) }, { renewedAtMs: NOW_MS - 4_000 }, N1),
      made.memory,
    );
    expect(kinds(later.actions)).not.toContain('renew');
  });

  test('takes a dead member out of the set only after it has been away, and widens before it narrows', () => {
    const away: Memory = {
      ...EMPTY_MEMORY,
      members: new Map([
        [N2, { streamingSinceMs: NOW_MS - 9_000, lastStreamingAtMs: NOW_MS - 5, caughtUpSinceMs: NOW_MS - 9_000 }],
        [N3, { streamingSinceMs: null, lastStreamingAtMs: NOW_MS - 1_500, caughtUpSinceMs: null }],
      ]),
    };
    const withoutN3 = {
      ...serving,
      server: {
        state: primary(500n, {
          walSenders: [{ applicationName: N2, pid: 1, state: 'streaming', flushLsn: lsn(500n), replayLsn: lsn(500n), syncPriority: 1 }],
        }),
        seenAtMs: NOW_MS - 5,
      },
    };
    const made = decide(factsOf(withoutN3, {}, N1), away);
    expect(made.actions).toEqual([{ kind: 'job', job: { kind: 'put-in-force', set: memberSet([N2], 1) } }]);
  });

  test('does not degrade to nobody before degradeAfter, and records it before commits stop waiting', () => {
    const gone = (ageMs: number): Memory => ({
      ...EMPTY_MEMORY,
      members: new Map([N2, N3].map((one) => [one, { streamingSinceMs: null, lastStreamingAtMs: NOW_MS - ageMs, caughtUpSinceMs: null }])),
    });
    const alone = {
      ...serving,
      server: { state: primary(500n, { walSenders: [] }), seenAtMs: NOW_MS - 5 },
      health: { ...UNTRIED, strokeDoneAtMs: NOW_MS - 200 },
    };
    expect(claimIn(decide(factsOf(alone, {}, N1), gone(3_000)).actions)).toBeUndefined();
    expect(claimIn(decide(factsOf(alone, {}, N1), gone(4_000)).actions)?.record.set).toEqual(NOBODY);
    // A disk that hangs takes the standbys with it: without a write of its own since then nobody shuts the others out (H12).
    const hung = { ...alone, health: { ...UNTRIED, strokeDoneAtMs: NOW_MS - 5_000 } };
    expect(claimIn(decide(factsOf(hung, {}, N1), gone(4_000)).actions)).toBeUndefined();
  });

  test('restarts in place only on the record’s timeline (I1)', () => {
    const stopped = (timeline: number): Partial<Parameters<typeof factsOf>[0]> => ({
      server: {
        state: {
          kind: 'stopped',
          systemId: SYSTEM_ID,
          wasPrimary: true,
          cleanly: false,
          extent: { history: rootHistory(timelineId(timeline)), lsn: lsn(500n) },
        },
        seenAtMs: NOW_MS,
      },
    });
    expect(kinds(decide(factsOf(stopped(1), {}, N1), EMPTY_MEMORY).actions)).toContain('job:start-primary');
    const wrong = decide(factsOf(stopped(3), {}, N1), EMPTY_MEMORY);
    expect(claimIn(wrong.actions)).toMatchObject({ rule: 'T8', record: { state: { kind: 'released', final: null } } });
    expect(kinds(wrong.actions)).not.toContain('job:start-primary');
  });

  test('kills a PostgreSQL that somebody promoted by hand to another timeline', () => {
    const promoted = {
      ...serving,
      server: {
        state: primary(500n, { history: { timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(450n) }] } }),
        seenAtMs: NOW_MS,
      },
    };
    expect(kinds(decide(factsOf(promoted, {}, N1), EMPTY_MEMORY).actions)).toEqual(['job:kill']);
  });

  test('promotes only from the floor of its claim, on the timeline the floor is on (I12)', () => {
    const record = recordOf({
      state: { kind: 'promoting' },
      holder: N2,
      timeline: timelineId(2),
      floor: { timeline: timelineId(1), lsn: lsn(500n) },
    });
    const view = presentOf(record);
    const as = (state: ReturnType<typeof standby>): readonly Action[] =>
      decide(factsOf({ server: { state, seenAtMs: NOW_MS } }, { view }), EMPTY_MEMORY).actions;
    expect(kinds(as(standby(500n)))).toContain('job:promote');
    expect(kinds(as(standby(500n, { replayIdle: false })))).not.toContain('job:promote');
    // Brought beyond it by a late fetch; or promoted by hand, and a standby of that promotion since.
    const byHand = standby(500n, { history: { timeline: timelineId(4), ancestors: [{ timeline: timelineId(1), end: lsn(500n) }] } });
    for (const strayed of [standby(900n), byHand]) {
      expect(kinds(as(strayed))).not.toContain('job:promote');
      expect(claimIn(as(strayed))).toMatchObject({ rule: 'T8', record: { state: { kind: 'released', final: null } } });
    }
  });

  test('never restarts in place what left its parent elsewhere than at the floor (I12)', () => {
    const record = recordOf({ holder: N2, timeline: timelineId(2), floor: { timeline: timelineId(1), lsn: lsn(500n) } });
    const forkedAt = (end: bigint): readonly string[] => {
      const extent = { history: { timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(end) }] }, lsn: lsn(900n) };
      const state = { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: true, cleanly: false, extent } as const;
      return kinds(decide(factsOf({ server: { state, seenAtMs: NOW_MS } }, { view: presentOf(record) }), EMPTY_MEMORY).actions);
    };
    expect(forkedAt(500n)).toContain('job:start-primary');
    expect(forkedAt(300n)).not.toContain('job:start-primary');
    expect(forkedAt(700n)).not.toContain('job:start-primary');
  });

  test('is not even started as a standby when somebody promoted it by hand from the floor on (H4)', () => {
    const floor = { timeline: timelineId(1), lsn: lsn(500n) };
    const record = recordOf({ state: { kind: 'promoting' }, holder: N2, timeline: timelineId(3), floor });
    const history = { timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(500n) }] };
    const state = { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: true, cleanly: false, extent: { history, lsn: lsn(700n) } } as const;
    const { actions } = decide(factsOf({ server: { state, seenAtMs: NOW_MS } }, { view: presentOf(record) }), EMPTY_MEMORY);
    expect(kinds(actions)).not.toContain('job:start-standby');
    expect(claimIn(actions)).toMatchObject({ rule: 'T8', record: { state: { kind: 'released', final: null } } });
  });

  test('names no final position on a road that nobody has claimed, however late it gives up', () => {
    const floor = { timeline: timelineId(1), lsn: lsn(500n) };
    const history = { timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(400n) }] };
    const state = { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: true, cleanly: false, extent: { history, lsn: lsn(700n) } } as const;
    const failures = new Map([['start-primary', { atMs: NOW_MS - 60_000, count: 9, why: 'PGB-1313' }] as const]);
    const facts = { server: { state, seenAtMs: NOW_MS }, failures };
    const late: Memory = { ...EMPTY_MEMORY, promotingSinceMs: NOW_MS - 60_000 };
    for (const given of [{ state: { kind: 'promoting' }, timeline: timelineId(3) }, { timeline: timelineId(2) }] as const) {
      const record = recordOf({ holder: N2, floor, ...given });
      expect(claimIn(decide(factsOf(facts, { view: presentOf(record) }), late).actions)?.record.state).toEqual({
        kind: 'released',
        final: null,
      });
      const alone = decide(factsOf(facts, { view: presentOf({ ...record, set: NOBODY }) }), late);
      expect(alone.actions).toEqual([]);
      expect(alone.alarm).toContain('an operator must fail over');
    }
  });

  test('tries again, and does not give up at once, when it takes up a promotion that it had given up', () => {
    const record = recordOf({
      state: { kind: 'promoting' },
      holder: N2,
      timeline: timelineId(2),
      floor: { timeline: timelineId(1), lsn: lsn(500n) },
    });
    const extent = { history: rootHistory(timelineId(1)), lsn: lsn(500n) };
    const state = { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: false, cleanly: false, extent } as const;
    const facts = factsOf({ server: { state, seenAtMs: NOW_MS } }, { view: presentOf(record) });
    const late = decide(facts, { ...EMPTY_MEMORY, promotingSinceMs: NOW_MS - 60_000 });
    expect(claimIn(late.actions)?.rule).toBe('T8');
    expect(kinds(decide(facts, late.memory).actions)).toContain('job:start-standby');
  });

  test('serves only when the quorum has flushed the promotion record', () => {
    const record = recordOf({ state: { kind: 'promoting' }, set: memberSet([N3], 1), holder: N2 });
    const behind = {
      ...serving,
      open: false,
      inForce: { kind: 'proven' as const, set: memberSet([N3], 1), waiting: true, provenAtLsn: lsn(600n) },
    };
    expect(claimIn(decide(factsOf(behind, { view: presentOf(record) }), EMPTY_MEMORY).actions)).toBeUndefined();
    const caughtUp = { ...behind, server: { state: primary(600n), seenAtMs: NOW_MS } };
    expect(claimIn(decide(factsOf(caughtUp, { view: presentOf(record) }), EMPTY_MEMORY).actions)?.rule).toBe('T6');
  });
});
