// What a node decides in the situations that matter, each named as the claim it proves.
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../../agent/core/actions.ts';
import { decide } from '../../../../agent/core/decide.ts';
import { EMPTY_MEMORY as FORGETFUL, type Memory } from '../../../../agent/core/memory.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet, NOBODY } from '../../../../shared/domain/member-set.ts';
import type { MemberId } from '../../../../shared/domain/node-id.ts';
import { rootHistory, timelineId } from '../../../../shared/domain/timeline.ts';
import {
  answer,
  factsOf,
  historyOf,
  N1,
  N2,
  N3,
  NOW_MS,
  peerOf,
  peersOf,
  presentOf,
  primary,
  recordOf,
  standby,
  SYSTEM_ID,
} from '../../../support/facts-builder.ts';

/** The slots were looked after a moment ago. */
const EMPTY_MEMORY: Memory = { ...FORGETFUL, slotsKeptAtMs: NOW_MS, leadingSinceMs: NOW_MS - 60_000 };

const down = { epoch: epoch(4n), holder: N1, why: 'down', heardAtMs: NOW_MS - 5 } as const;
const cut = standby(500n);
const seen = { state: cut, seenAtMs: NOW_MS - 1 };

function kinds(actions: readonly Action[]): readonly string[] {
  return actions.map((action) => (action.kind === 'job' ? `job:${action.job.kind}` : action.kind));
}

function claimIn(actions: readonly Action[]): Extract<Action, { kind: 'change' }> | undefined {
  return actions.find((action): action is Extract<Action, { kind: 'change' }> => action.kind === 'change');
}

describe('a standby of a healthy leader', () => {
  test('does nothing but follow', () => {
    const made = decide(factsOf(), EMPTY_MEMORY);
    expect(made.state).toBe('following');
    expect(made.actions).toEqual([]);
  });

  test('kills its PostgreSQL at once when it runs as a primary under somebody else’s epoch', () => {
    expect(kinds(decide(factsOf({ server: { state: primary(500n), seenAtMs: NOW_MS } }), EMPTY_MEMORY).actions)).toEqual(['job:kill']);
  });

  test('does not follow an epoch below its promise (I7)', () => {
    const facts = factsOf({ following: null, server: seen });
    const made = decide({ ...facts, file: { ...facts.file, promised: epoch(9n) } }, EMPTY_MEMORY);
    expect(kinds(made.actions)).toEqual([]);
  });
});

describe('the leader’s agent said that its PostgreSQL is dead', () => {
  test('every member promises at once and asks the others', () => {
    const made = decide(factsOf({ down }), EMPTY_MEMORY);
    expect(kinds(made.actions)).toEqual(['job:promise', 'ask-promises']);
  });

  test('no claim is made before a read quorum has promised', () => {
    const made = decide(factsOf({ down, server: seen, promiseKept: epoch(5n) }), EMPTY_MEMORY);
    expect(claimIn(made.actions)).toBeUndefined();
  });

  test('the most caught-up of the quorum claims the next epoch, with its own boundary as the floor and a new timeline (I5, I6)', () => {
    const made = decide(factsOf({ down, server: seen, promiseKept: epoch(5n), answers: [answer(N3, 400n)] }), EMPTY_MEMORY);
    const claim = claimIn(made.actions);
    expect(claim?.rule).toBe('T1');
    expect(claim?.record).toMatchObject({
      epoch: 5n,
      holder: N2,
      timeline: 2,
      floor: { timeline: 1, lsn: 500n },
      set: memberSet([N3], 1),
      state: { kind: 'promoting' },
    });
    expect(claim?.modRevision).toBe(50n);
  });

  test('the one that is behind leaves the claim to the better one', () => {
    const made = decide(factsOf({ down, server: seen, promiseKept: epoch(5n), answers: [answer(N3, 900n)] }), EMPTY_MEMORY);
    expect(claimIn(made.actions)).toBeUndefined();
    expect(made.reason).toContain('n3');
  });

  test('of two equal ones the second waits its turn and then claims', () => {
    const facts = factsOf({ down, server: seen, promiseKept: epoch(5n), answers: [answer(N2, 500n)] }, {}, N3);
    const first = decide(facts, EMPTY_MEMORY);
    expect(claimIn(first.actions)).toBeUndefined();
    const later = decide({ ...facts, nowMs: NOW_MS + 80 }, first.memory);
    expect(claimIn(later.actions)?.record.holder).toBe(N3);
  });

  test('nobody claims without the floor, however many promise (I12)', () => {
    const record = recordOf({ floor: { timeline: timelineId(1), lsn: lsn(600n) } });
    const facts = factsOf({ down, server: seen, promiseKept: epoch(5n), answers: [answer(N3, 550n)] }, { view: presentOf(record) });
    expect(claimIn(decide(facts, EMPTY_MEMORY).actions)).toBeUndefined();
    expect(claimIn(decide({ ...facts, nowMs: NOW_MS + 700 }, EMPTY_MEMORY).actions)).toBeUndefined();
  });

  test('an incarnation that is not in the record neither promises nor claims', () => {
    const record = recordOf({ set: memberSet([N3], 1) });
    expect(kinds(decide(factsOf({ down }, { view: presentOf(record) }), EMPTY_MEMORY).actions)).toEqual([]);
  });

  test('with nobody in the set only the holder itself can go on', () => {
    const record = recordOf({ set: NOBODY });
    expect(kinds(decide(factsOf({ down }, { view: presentOf(record) }), EMPTY_MEMORY).actions)).toEqual([]);
  });
});

describe('silence', () => {
  test('an unrenewed record is evidence only over an unbroken row of reads', () => {
    const silent = presentOf(recordOf(), 5_100);
    expect(kinds(decide(factsOf({}, { view: silent }), EMPTY_MEMORY).actions)).toContain('job:promise');
    expect(kinds(decide(factsOf({}, { view: silent, unbrokenSinceMs: NOW_MS - 900 }), EMPTY_MEMORY).actions)).toEqual([]);
    expect(kinds(decide(factsOf({}, { view: silent, lastReadAtMs: NOW_MS - 3_000 }), EMPTY_MEMORY).actions)).toEqual([]);
  });
});

describe('a fresh copy', () => {
  test('has as long to begin streaming as any other, however long the one before it did not', () => {
    const following = { epoch: epoch(4n), holder: N1 };
    const silent = standby(500n, { receiver: 'none' });
    const since = { ...EMPTY_MEMORY, notStreamingSinceMs: NOW_MS - 60_000 };
    const given = { following, peers: peersOf(peerOf(N1, { leads: true, servingAsPrimary: true })) };
    const outside = { view: presentOf(recordOf({ set: memberSet([N3], 1) })) };
    const condemned = decide(factsOf({ ...given, server: { state: silent, seenAtMs: NOW_MS } }, outside), since);
    expect(kinds(condemned.actions)).toEqual(['job:condemn']);
    const extent = { history: rootHistory(timelineId(1)), lsn: lsn(500n) };
    const stopped = { kind: 'stopped', systemId: SYSTEM_ID, wasPrimary: false, cleanly: true, extent } as const;
    const copied = decide(factsOf({ ...given, server: { state: stopped, seenAtMs: NOW_MS } }, outside), condemned.memory);
    expect(kinds(copied.actions)).toEqual(['job:start-standby']);
    const started = decide(factsOf({ ...given, server: { state: silent, seenAtMs: NOW_MS } }, outside), copied.memory);
    expect(kinds(started.actions)).toEqual([]);
  });
});

describe('a stopped node that sees a newer epoch', () => {
  const newer = {
    view: presentOf(recordOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2) })),
    history: [
      historyOf(),
      historyOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), floor: { timeline: timelineId(1), lsn: lsn(450n) } }),
    ],
  };
  const at = (end: bigint): Partial<Parameters<typeof factsOf>[0]> => ({
    following: null,
    peers: peersOf(peerOf(N3, { epoch: epoch(5n), promised: epoch(5n), servingAsPrimary: true })),
    server: {
      state: {
        kind: 'stopped',
        systemId: SYSTEM_ID,
        wasPrimary: true,
        cleanly: false,
        extent: { history: rootHistory(timelineId(1)), lsn: lsn(end) },
      },
      seenAtMs: NOW_MS,
    },
  });

  test('starts as a plain standby when its WAL ends before the fork', () => {
    expect(kinds(decide(factsOf(at(440n), newer, N1), EMPTY_MEMORY).actions)).toEqual(['job:start-standby']);
  });

  test('leaves the machine to the promotion for a moment, unless the promotion waits for it', () => {
    const promoting = (members: readonly MemberId[], ageMs: number) => ({
      ...newer,
      view: presentOf(
        recordOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), state: { kind: 'promoting' }, set: memberSet(members, 1) }),
        ageMs,
      ),
    });
    const startsAs = (members: readonly MemberId[], ageMs: number) =>
      kinds(decide(factsOf(at(440n), promoting(members, ageMs), N1), EMPTY_MEMORY).actions);
    expect(startsAs([N2], 100)).toEqual([]);
    expect(startsAs([N2], 500), 'a promotion that takes so long may want every help').toEqual(['job:start-standby']);
    expect(startsAs([N1, N2], 100)).toEqual(['job:start-standby']);
  });

  test('rewinds when its WAL goes beyond the fork', () => {
    const inside = {
      ...newer,
      view: presentOf(recordOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), set: memberSet([N1], 1) })),
    };
    expect(
      kinds(decide(factsOf(at(451n), inside, N1), EMPTY_MEMORY).actions),
      'not while it may still be asked for acknowledged WAL (I14): the leader has to let it go first',
    ).toEqual(['job:leave']);
    const outside = {
      ...newer,
      view: presentOf(recordOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), set: memberSet([N2], 1) })),
    };
    expect(kinds(decide(factsOf(at(451n), outside, N1), EMPTY_MEMORY).actions)).toEqual(['job:rewind']);
  });

  test('clones when the rewind has failed', () => {
    const outside = { ...newer, view: presentOf(recordOf({ epoch: epoch(5n), holder: N3, timeline: timelineId(2), set: NOBODY })) };
    const facts = { ...at(451n), failures: new Map([['rewind' as const, { atMs: NOW_MS - 10, count: 1, why: 'PGB-1311 x' }]]) };
    expect(kinds(decide(factsOf(facts, outside, N1), EMPTY_MEMORY).actions)).toEqual(['job:clone']);
  });

  test('does not start at all before it knows the history of the newer epoch', () => {
    const blind = { ...newer, history: [historyOf()] };
    expect(kinds(decide(factsOf(at(440n), blind, N1), EMPTY_MEMORY).actions)).toEqual(['read-store']);
  });
});

describe('a change on its way', () => {
  const needsSet = {
    following: null,
    resting: null,
    inForce: { kind: 'unproven' as const },
    server: { state: primary(500n), seenAtMs: NOW_MS - 5 },
  };

  test('holds back every job that rests on what the record says about who must acknowledge (I13)', () => {
    expect(kinds(decide(factsOf(needsSet, {}, N1), EMPTY_MEMORY).actions)).toContain('job:put-in-force');
    expect(kinds(decide(factsOf(needsSet, { changeInFlight: 'change' }, N1), EMPTY_MEMORY).actions)).toEqual([]);
    expect(kinds(decide(factsOf(needsSet, { changeInFlight: 'renewal' }, N1), EMPTY_MEMORY).actions)).toEqual(['job:put-in-force']);
  });

  test('does not hold back a kill', () => {
    const deposed = { server: { state: primary(500n), seenAtMs: NOW_MS } };
    expect(kinds(decide(factsOf(deposed, { changeInFlight: 'change' }), EMPTY_MEMORY).actions)).toEqual(['job:kill']);
  });
});

describe('a leader that has just begun', () => {
  const alone = { following: null, resting: null, open: true, server: { state: primary(500n, { walSenders: [] }), seenAtMs: NOW_MS - 5 } };

  test('does not hold the absence of members from before its time against them', () => {
    const longAgo: Memory = {
      ...EMPTY_MEMORY,
      leadingSinceMs: null,
      members: new Map(
        [N2, N3].map((one) => [one, { streamingSinceMs: null, lastStreamingAtMs: NOW_MS - 3_600_000, caughtUpSinceMs: null }]),
      ),
    };
    expect(claimIn(decide(factsOf(alone, {}, N1), longAgo).actions)).toBeUndefined();
  });

  test('re-enlists members that promised in vain even before it lets clients in', () => {
    const peers = peersOf(peerOf(N2, { promised: epoch(9n) }), peerOf(N3, { promised: epoch(9n) }));
    const waited: Memory = { ...EMPTY_MEMORY, promisedAboveSinceMs: NOW_MS - 1_100 };
    const made = decide(factsOf({ ...alone, open: false, peers }, {}, N1), waited);
    expect(claimIn(made.actions)).toMatchObject({ rule: 'T3', record: { epoch: 9n, timeline: 1, floor: { lsn: 100n } } });
  });
});

describe('replay that stands short of what was received', () => {
  const short = { state: standby(500n, { replayedLsn: lsn(450n) }), seenAtMs: NOW_MS - 1 };

  test('is believed only after replay has tried again', () => {
    const facts = factsOf({ down, server: short, promiseKept: epoch(5n), answers: [answer(N3, 400n)] });
    const first = decide(facts, EMPTY_MEMORY);
    expect(claimIn(first.actions)).toBeUndefined();
    expect(claimIn(decide({ ...facts, nowMs: NOW_MS + 160 }, first.memory).actions)?.record.floor).toEqual({ timeline: 1, lsn: 450n });
  });

  test('never claims from below the floor', () => {
    const record = recordOf({ floor: { timeline: timelineId(1), lsn: lsn(470n) } });
    const facts = factsOf({ down, server: short, promiseKept: epoch(5n), answers: [answer(N3, 400n)] }, { view: presentOf(record) });
    const first = decide(facts, EMPTY_MEMORY);
    expect(claimIn(decide({ ...facts, nowMs: NOW_MS + 900 }, first.memory).actions)).toBeUndefined();
  });
});

test('news of a death is void once the leader has said again that it serves', () => {
  const back = peersOf(peerOf(N1, { servingAsPrimary: true, askedAtMs: NOW_MS - 2 }));
  expect(kinds(decide(factsOf({ down, peers: back }), EMPTY_MEMORY).actions)).toEqual([]);
});

test('a standby that does not start is made anew only when that can help', () => {
  const stopped = {
    kind: 'stopped',
    systemId: SYSTEM_ID,
    wasPrimary: false,
    cleanly: false,
    extent: { history: rootHistory(timelineId(1)), lsn: lsn(500n) },
  } as const;
  const after = (why: string): readonly string[] =>
    kinds(
      decide(
        factsOf(
          {
            server: { state: stopped, seenAtMs: NOW_MS },
            failures: new Map([['start-standby', { atMs: NOW_MS - 100, count: 9, why }]]),
            peers: peersOf(peerOf(N1, { servingAsPrimary: true })),
          },
          { view: presentOf(recordOf({ set: memberSet([N3], 1) })) },
        ),
        EMPTY_MEMORY,
      ).actions,
    );
  expect(after('PGB-1313 it ended while starting')).toEqual(['job:clone']);
  for (const why of ['PGB-1104 no space left on device', 'PGB-1101 somebody else listens', 'PGB-1105 permission denied'])
    expect(after(why)).toEqual([]);
});

describe('a store that went back', () => {
  test('stops everything', () => {
    const made = decide(factsOf({}, { regressed: 'PGB-1203 the leader record went back' }), EMPTY_MEMORY);
    expect(made.alarm).toBe('PGB-1203 the leader record went back');
    expect(made.actions).toEqual([]);
  });

  test('is not taken for a new one by whoever remembers, or hears of, a leader: it looks again', () => {
    const absent = { view: { kind: 'absent', readAtMs: NOW_MS } } as const;
    expect(kinds(decide(factsOf({}, absent), EMPTY_MEMORY).actions)).toEqual(['read-store']);
    const newcomer = factsOf({ peers: peersOf(peerOf(N3)), server: { state: { kind: 'absent' }, seenAtMs: NOW_MS } }, absent);
    const blank = { ...newcomer, file: { ...newcomer.file, accepted: null, dir: 'absent' as const, systemId: null } };
    expect(kinds(decide(blank, EMPTY_MEMORY).actions)).toEqual(['read-store']);
  });

  test('has its known nodes heard before anybody founds a cluster in it', () => {
    const absent = { view: { kind: 'absent', readAtMs: NOW_MS } } as const;
    const found = factsOf({ server: { state: { kind: 'absent' }, seenAtMs: NOW_MS } }, absent);
    const blank = { ...found, file: { ...found.file, accepted: null, dir: 'absent' as const, systemId: null } };
    expect(kinds(decide({ ...blank, startedAtMs: NOW_MS - 1_000 }, EMPTY_MEMORY).actions)).toEqual([]);
    expect(kinds(decide({ ...blank, startedAtMs: NOW_MS - 2_000 }, EMPTY_MEMORY).actions)).toEqual(['job:initialize']);
    const heard = peersOf(peerOf(N1, { accepted: null }), peerOf(N3, { accepted: null }));
    expect(kinds(decide({ ...blank, startedAtMs: NOW_MS - 1_000, peers: heard }, EMPTY_MEMORY).actions)).toEqual(['job:initialize']);
  });
});
