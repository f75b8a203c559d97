// A node that does not hold the record: one that runs as a primary all the same, and one whose WAL came past every claim.
import { describe, expect, test } from 'vitest';
import { decide } from '../../../../agent/core/decide.ts';
import type { Decision } from '../../../../agent/core/decision.ts';
import type { Facts, PeerStatus } from '../../../../agent/core/facts.ts';
import { EMPTY_MEMORY } from '../../../../agent/core/memory.ts';
import type { GuardPurpose } from '../../../../agent/guard/protocol.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import type { LeaderRecord, OperationRecord } from '../../../../shared/domain/leader-record.ts';
import { memberSet, NOBODY } from '../../../../shared/domain/member-set.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';
import { rootHistory, timelineId } from '../../../../shared/domain/timeline.ts';
import type { ServerState } from '../../../../agent/postgres/port.ts';
import {
  factsOf,
  historyOf,
  N1,
  N2,
  N3,
  NOW_MS,
  operationOf,
  peerOf,
  peersOf,
  presentOf,
  primary,
  recordOf,
  standby,
  SYSTEM_ID,
} from '../../../support/facts-builder.ts';

function deposed(purpose: GuardPurpose, promoted: boolean, change: Partial<Facts> = {}): Decision {
  const postmaster = { kind: 'running', pid: 3, purpose, promoted, startedAtMs: NOW_MS - 60_000, fenced: false } as const;
  const guard = { guardPid: 2, deadline: null, postmaster };
  return decide(factsOf({ server: { state: primary(500n), seenAtMs: NOW_MS }, guard, ...change }), EMPTY_MEMORY);
}

const killed = [{ kind: 'job', job: { kind: 'kill', why: 'deposed' } }];

describe('a primary of somebody else’s epoch', () => {
  test.each<readonly [string, GuardPurpose, boolean]>([
    ['started as one', { kind: 'primary', epoch: '3' }, false],
    ['promoted by us', { kind: 'standby' }, true],
  ])('is killed without ado when it was %s', (_, purpose, promoted) => {
    expect(deposed(purpose, promoted)).toMatchObject({ state: 'rejoining', alarm: null, actions: killed });
  });

  test('is killed, and told to the operator, when somebody promoted our standby', () => {
    const made = deposed({ kind: 'standby' }, false);
    expect(made.alarm).toContain('PGB-1316');
    expect(made.actions).toEqual(killed);
  });

  test('is left to the promise that is being kept: it ends it too, and answers', () => {
    const made = deposed({ kind: 'standby' }, false, { job: { kind: 'promise', sinceMs: NOW_MS - 5 } });
    expect(made.alarm).toContain('PGB-1316');
    expect(made.actions).toEqual([]);
  });
});

describe('a standby with WAL of a timeline that a claim has reserved', () => {
  /** N1 led epoch 4 on timeline 1; N3 claimed epoch 5 and timeline 2 at 1:400. */
  const floor = { timeline: timelineId(1), lsn: lsn(400n) };
  const former = recordOf();
  const claimed = recordOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), floor, set: memberSet([N1], 1) });
  const history = [historyOf(), historyOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), floor })];
  const before = rootHistory(timelineId(1));
  const beyond = { timeline: timelineId(2), ancestors: [{ timeline: timelineId(1), end: lsn(400n) }] };
  const toFormer = { epoch: epoch(4n), holder: N1 };
  const stopped: ServerState = {
    kind: 'stopped',
    systemId: SYSTEM_ID,
    wasPrimary: false,
    cleanly: true,
    extent: { history: beyond, lsn: lsn(600n) },
  };

  type Situation = {
    readonly state?: ServerState;
    readonly accepted: Facts['file']['accepted'];
    readonly record?: typeof claimed;
    readonly members?: readonly MemberId[];
    readonly following?: Facts['following'];
  };

  function decided({ state, accepted, record = claimed, members = [N1], following = toFormer }: Situation): Decision {
    const running = state ?? standby(600n, { history: beyond, receiver: 'streaming' });
    const facts = factsOf(
      { server: { state: running, seenAtMs: NOW_MS }, following, peers: peersOf(peerOf(N3, { servingAsPrimary: true })) },
      { view: presentOf({ ...record, set: memberSet(members, 1) }), history },
      N2,
    );
    return decide({ ...facts, file: { ...facts.file, accepted } }, { ...EMPTY_MEMORY, slotsKeptAtMs: NOW_MS });
  }

  const kinds = (made: Decision): readonly string[] => made.actions.map((one) => (one.kind === 'job' ? one.job.kind : one.kind));

  test('is condemned when it never followed anybody to it: somebody may have promoted its former leader by hand (I5)', () => {
    const made = decided({ accepted: former });
    expect(made).toMatchObject({ state: 'rejoining', reason: 'it has WAL of a timeline that it never followed anybody to' });
    expect(kinds(made)).toEqual(['condemn']);
  });

  test('is found out by what it has replayed, while what it has received is unknown', () => {
    const state = standby(600n, { history: beyond, receivedLsn: null, receiver: 'none' });
    expect(kinds(decided({ accepted: former, state }))).toEqual(['condemn']);
  });

  test('is cloned rather than started when that is found on its disk', () => {
    expect(kinds(decided({ accepted: former, state: stopped }))).toEqual(['clone']);
  });

  test('asks to be let go before anything of it is altered (I14)', () => {
    expect(kinds(decided({ accepted: former, members: [N1, N2] }))).toEqual(['leave']);
    expect(kinds(decided({ accepted: former, members: [N1, N2], state: stopped }))).toEqual(['leave']);
  });

  // Each of these is how a standby gets there in ordinary life.
  test.each<readonly [string, Situation, readonly string[]]>([
    ['attached to the claimant, which it noted before', { accepted: claimed, following: { epoch: epoch(5n), holder: N3 } }, []],
    ['noted the claim, and its agent was started anew since', { accepted: claimed, following: null }, ['follow']],
    [
      'noted the claim while it was only promoting',
      { accepted: { ...claimed, seq: 1, state: { kind: 'promoting' } }, following: null },
      ['follow'],
    ],
    ['noted the claim, and was stopped in the middle', { accepted: claimed, state: stopped }, ['start-standby']],
    [
      'noted the claim, and the holder has re-enlisted it under a higher epoch (T3)',
      { accepted: claimed, record: { ...claimed, epoch: epoch(6n) } },
      ['follow'],
    ],
    [
      'fetched it under a promise, and noted whose it was',
      { accepted: claimed, state: standby(600n, { history: beyond }), following: null },
      ['follow'],
    ],
    ['has only the history of it, and stands at the fork', { accepted: former, state: standby(400n, { history: before }) }, ['follow']],
    [
      'has none of it yet, and is still on the parent',
      { accepted: former, state: standby(390n, { history: before, receiver: 'streaming' }) },
      ['follow'],
    ],
    ['has acted on no record yet', { accepted: null, following: null }, ['follow']],
  ])('keeps its data when it %s', (_, situation, expected) => {
    expect(kinds(decided(situation)).filter((kind) => kind !== 'rest')).toEqual(expected);
  });
});

describe('what a member of the set rests on (P7.6)', () => {
  const streaming = { server: { state: standby(500n, { receiver: 'streaming' }), seenAtMs: NOW_MS - 5 }, resting: null } as const;
  const restsOn = (operation: OperationRecord | null, change: Partial<Facts> = {}, record: Partial<LeaderRecord> = {}): unknown => {
    const facts = factsOf({ ...streaming, ...change }, { view: presentOf(recordOf(record)), operation }, N2);
    return decide(facts, EMPTY_MEMORY).actions.flatMap((action) =>
      action.kind === 'job' && action.job.kind === 'rest' ? [action.job.set] : [],
    );
  };

  test('the other members, as an unplanned claim would', () => {
    expect(restsOn(null)).toEqual([memberSet([N3], 1)]);
  });

  test('with a move to it under way also the present holder, and again the others when the move came to nothing', () => {
    expect(restsOn(operationOf({}))).toEqual([memberSet([N1, N3], 1)]);
    expect(restsOn(operationOf({}), { resting: memberSet([N1, N3], 1) })).toEqual([]);
    expect(restsOn(operationOf({ stage: 'aborted' }), { resting: memberSet([N1, N3], 1) })).toEqual([memberSet([N3], 1)]);
    // Of two nodes the other one is the only member there can be.
    expect(restsOn(operationOf({}), {}, { set: memberSet([N2], 1) })).toEqual([memberSet([N1], 1)]);
  });

  test('not on the holder for a move that is somebody else’s or of another epoch', () => {
    expect(restsOn(operationOf({ to: N3 }))).toEqual([memberSet([N3], 1)]);
    expect(restsOn(operationOf({ epoch: epoch(3n) }))).toEqual([memberSet([N3], 1)]);
  });

  test('on nobody while it is no member, or while nobody counts', () => {
    expect(restsOn(operationOf({}), {}, { set: memberSet([N3], 1) })).toEqual([]);
    expect(restsOn(operationOf({}), {}, { mode: 'async', set: NOBODY })).toEqual([]);
  });

  test('on just what a claim by final position will say (T2), or the rest would be for nothing', () => {
    for (const change of [{}, { barred: [N3] }, { set: memberSet([N2], 1) }] as const) {
      const final = { timeline: timelineId(1), lsn: lsn(500n) };
      const record = recordOf({ ...change, state: { kind: 'handing-over', to: N2, final } });
      const facts = factsOf(
        { server: { state: standby(500n), seenAtMs: NOW_MS }, promiseKept: epoch(5n), following: null },
        { view: presentOf(record) },
        N2,
      );
      const claims = decide({ ...facts, file: { ...facts.file, promised: epoch(5n) } }, EMPTY_MEMORY).actions.flatMap((action) =>
        action.kind === 'change' ? [action.record.set] : [],
      );
      expect(claims).toHaveLength(1);
      expect(restsOn(operationOf({}), {}, change)).toEqual(claims);
    }
  });
});

describe('a standby that is still starting', () => {
  const leads = peersOf(peerOf(N1, { leads: true }));
  const starting = (change: Partial<Facts>, sinceMs: number | null = NOW_MS - 5_000): Decision =>
    decide(factsOf({ server: { state: { kind: 'starting' }, seenAtMs: NOW_MS }, peers: leads, following: null, ...change }), {
      ...EMPTY_MEMORY,
      notStreamingSinceMs: sinceMs,
    });
  const anew = [{ kind: 'job', job: { kind: 'kill', why: 'started for another leader' } }];

  test('is started anew when it was not told of the leader that serves: what it waits for may never come', () => {
    expect(starting({}).actions).toEqual(anew);
    expect(starting({ following: { epoch: epoch(3n), holder: N3 } }).actions).toEqual(anew);
  });

  test('is given time first', () => {
    expect(starting({}, NOW_MS - 4_999).actions).toEqual([]);
    const made = starting({}, null);
    expect([made.actions, made.memory.notStreamingSinceMs]).toEqual([[], NOW_MS]);
  });

  test.each<readonly [string, Partial<Facts>]>([
    ['was told of that leader', { following: { epoch: epoch(4n), holder: N1 } }],
    ['has nobody who leads', { peers: peersOf(peerOf(N1, { leads: false })) }],
    ['is giving a promise', { job: { kind: 'promise', sinceMs: NOW_MS - 5 } }],
  ])('is left alone when it %s', (_, change) => {
    const made = starting(change);
    expect([made.actions, made.memory.notStreamingSinceMs]).toEqual([[], null]);
  });

  test('is left alone under a promise above the record: it may not follow that leader anyway', () => {
    const facts = factsOf({ server: { state: { kind: 'starting' }, seenAtMs: NOW_MS }, peers: leads, following: null });
    const made = decide(
      { ...facts, file: { ...facts.file, promised: epoch(5n) } },
      { ...EMPTY_MEMORY, notStreamingSinceMs: NOW_MS - 60_000 },
    );
    expect(made.actions.filter((action) => action.kind === 'job' && action.job.kind === 'kill')).toEqual([]);
  });
});

describe('a stopped node that nobody waits for', () => {
  const atRest = { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: false, cleanly: false, marker: N2 } as const;
  const startsBeside = (
    state: LeaderRecord['state'],
    peers: Facts['peers'],
    ageMs: number,
    members: readonly MemberId[] = [N3],
  ): boolean => {
    const facts = factsOf(
      { server: { state: { ...atRest, extent: { history: rootHistory(timelineId(1)), lsn: lsn(500n) } }, seenAtMs: NOW_MS }, peers },
      { view: presentOf(recordOf({ state, set: memberSet(members, 1) }), ageMs) },
      N2,
    );
    return decide(facts, EMPTY_MEMORY).actions.some((action) => action.kind === 'job' && action.job.kind === 'start-standby');
  };
  const closed = peersOf(peerOf(N1, { servingAsPrimary: false, leads: true }));
  const open = peersOf(peerOf(N1, { servingAsPrimary: true }));

  test('starts when the new leader has let its clients in, and not in their way', () => {
    expect(startsBeside({ kind: 'promoting' }, closed, 100)).toBe(false);
    expect(startsBeside({ kind: 'serving' }, closed, 100)).toBe(false);
    expect(startsBeside({ kind: 'serving' }, open, 100)).toBe(true);
  });

  test('waits for that half a renewal at most', () => {
    expect(startsBeside({ kind: 'promoting' }, closed, 500)).toBe(true);
    expect(startsBeside({ kind: 'serving' }, new Map(), 500)).toBe(true);
    expect(startsBeside({ kind: 'serving' }, new Map(), 499)).toBe(false);
  });

  test('starts at once when the promotion waits for it, because too few others can acknowledge', () => {
    const beside = (change: Partial<PeerStatus>): Facts['peers'] => peersOf(peerOf(N1, { leads: true }), peerOf(N3, change));
    expect(startsBeside({ kind: 'promoting' }, closed, 100, [N2, N3])).toBe(true);
    expect(startsBeside({ kind: 'promoting' }, beside({ healthy: false }), 100, [N2, N3])).toBe(true);
    // The former leader after a planned move: in the set, and not needed for it.
    expect(startsBeside({ kind: 'promoting' }, beside({}), 100, [N2, N3])).toBe(false);
    expect(startsBeside({ kind: 'promoting' }, beside({}), 500, [N2, N3])).toBe(true);
  });
});

describe('a directory whose own promotion was cut short', () => {
  const state: ServerState = {
    kind: 'stopped',
    systemId: SYSTEM_ID,
    wasPrimary: true,
    cleanly: false,
    marker: N2,
    extent: { history: rootHistory(timelineId(1)), lsn: lsn(500n) },
  };
  const jobs = (takeover: Facts['takeover']): readonly unknown[] => {
    const facts = factsOf(
      { server: { state, seenAtMs: NOW_MS }, takeover, following: null },
      { view: presentOf(recordOf({ set: memberSet([N3], 1) })) },
    );
    const promotion = { epoch: epoch(3n), timeline: timelineId(2), phase: 'begun' } as const;
    return decide({ ...facts, file: { ...facts.file, promotion } }, EMPTY_MEMORY).actions.flatMap((action) =>
      action.kind === 'job' ? [action.job] : [],
    );
  };

  test('is made anew', () => {
    expect(jobs(null).map((one) => (one as { kind: string }).kind)).not.toContain('start-standby');
  });

  // Two hand-made promotions can leave no other to take (simulator, seed 9698).
  test('is started all the same for an operator who takes it for the best there is, and noted to be unfit', () => {
    expect(jobs({ epoch: epoch(4n), declareLost: [], force: true, askedAtMs: NOW_MS - 5 })).toMatchObject([
      { kind: 'start-standby', follow: false, unfit: 'a promotion of its own was cut short' },
    ]);
    expect(jobs({ epoch: epoch(4n), declareLost: [], force: false, askedAtMs: NOW_MS - 5 })).toEqual(jobs(null));
  });
});
