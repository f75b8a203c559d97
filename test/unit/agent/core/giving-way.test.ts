// A PostgreSQL that lives and does no work: who gives way to whom, and who stays because nobody is better off.
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../../agent/core/actions.ts';
import { decide } from '../../../../agent/core/decide.ts';
import type { Facts } from '../../../../agent/core/facts.ts';
import { UNTRIED, whySick, type Health } from '../../../../agent/core/health.ts';
import { EMPTY_MEMORY, type Memory } from '../../../../agent/core/memory.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { rootHistory, timelineId } from '../../../../shared/domain/timeline.ts';
import {
  factsOf,
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

const hung: Health = { ...UNTRIED, strokeSinceMs: NOW_MS - 6_000 };
const held: Memory = { ...EMPTY_MEMORY, slotsKeptAtMs: NOW_MS, leadingSinceMs: NOW_MS - 60_000, heldSinceMs: NOW_MS - 60_000 };
const well = peersOf(peerOf(N2), peerOf(N3));

function guardWith(fenced: boolean): Facts['guard'] {
  return {
    guardPid: 2,
    deadline: null,
    postmaster: {
      kind: 'running',
      pid: 3,
      purpose: { kind: 'primary', epoch: '4' },
      promoted: false,
      startedAtMs: NOW_MS - 60_000,
      fenced,
    },
  };
}

function leaderWith(health: Health, change: Partial<Facts> = {}): Facts {
  const guard = guardWith(false);
  return factsOf({ server: { state: primary(500n), seenAtMs: NOW_MS - 5 }, guard, peers: well, health, ...change }, {}, N1);
}

function kinds(actions: readonly Action[]): readonly string[] {
  return actions.map((action) => (action.kind === 'job' ? `job:${action.job.kind}` : action.kind));
}

describe('a server counts as sick', () => {
  test.each<readonly [keyof Health]>([['strokeSinceMs'], ['knockSinceMs'], ['diskSinceMs']])(
    'by %s, after the time it is given',
    (what) => {
      expect(whySick(factsOf({ health: { ...UNTRIED, [what]: NOW_MS - 2_900 } }))).toBeNull();
      expect(whySick(factsOf({ health: { ...UNTRIED, [what]: NOW_MS - 3_000 } }))).not.toBeNull();
    },
  );

  test('only in the waking time of whoever judges', () => {
    expect(whySick(factsOf({ health: hung, awakeSinceMs: NOW_MS - 1_000 }))).toBeNull();
  });

  test('not for want of room', () => {
    expect(whySick(factsOf({ health: { ...UNTRIED, isFull: true } }))).toBeNull();
  });
});

function sickLately(times: number): Memory['unrest'] {
  return { epoch: recordOf().epoch, claims: Array.from({ length: times }, () => ({ trigger: 'sick' as const, atMs: NOW_MS - 60_000 })) };
}

describe('a leader that does no work', () => {
  test('says that it is dead, and kills, when enough members are well', () => {
    const made = decide(leaderWith(hung), held);
    expect(kinds(made.actions)).toEqual(['say-down', 'job:kill']);
    expect(made.memory.crash?.saidAtMs).toBe(NOW_MS);
  });

  test.each<readonly [string, Facts, Memory]>([
    ['nobody is better off', leaderWith(hung, { peers: peersOf(peerOf(N2, { healthy: false }), peerOf(N3)) }), held],
    ['nobody may lead', leaderWith(hung, { peers: peersOf(peerOf(N2, { priority: 0 }), peerOf(N3, { priority: 0 })) }), held],
    ['it took over for slowness lately', leaderWith(hung), { ...held, heldSinceMs: NOW_MS - 29_000, unrest: sickLately(1) }],
    ['that happened twice', leaderWith(hung), { ...held, heldSinceMs: NOW_MS - 59_000, unrest: sickLately(2) }],
  ])('stays when %s', (_, facts, memory) => {
    const made = decide(facts, memory);
    expect(kinds(made.actions)).not.toContain('say-down');
    expect(kinds(made.actions)).not.toContain('job:kill');
  });

  test('gives way again when it has led long enough', () => {
    const memory = { ...held, heldSinceMs: NOW_MS - 31_000, unrest: sickLately(1) };
    expect(kinds(decide(leaderWith(hung), memory).actions)).toContain('say-down');
  });

  describe('in async mode', () => {
    const record = recordOf({ mode: 'async', set: memberSet([], 0) });
    const view = presentOf(record);
    const extent = { history: rootHistory(timelineId(1)), lsn: lsn(480n) };
    const sick = leaderWith(hung, { peers: peersOf(peerOf(N2, { extent })) });

    test('kills without a word, because nobody may take over on one', () => {
      expect(kinds(decide({ ...sick, store: { ...sick.store, view } }, held).actions)).toEqual(['job:kill']);
    });

    test('releases with its end once PostgreSQL is gone, instead of starting it again', () => {
      const given: Memory = { ...held, crash: { epoch: record.epoch, atMs: NOW_MS - 500, saidAtMs: NOW_MS - 500 } };
      const stopped = {
        kind: 'stopped',
        systemId: SYSTEM_ID,
        wasPrimary: true,
        cleanly: false,
        extent: { ...extent, lsn: lsn(500n) },
      } as const;
      const facts = { ...sick, store: { ...sick.store, view }, guard: null, server: { state: stopped, seenAtMs: NOW_MS } };
      const change = decide(facts, given).actions.find((action) => action.kind === 'change');
      expect(change).toMatchObject({ rule: 'T8', record: { state: { kind: 'released', final: { timeline: 1, lsn: 500n } } } });
    });
  });

  test('neither renews nor serves until it is gone, and releases what the kernel will not give back', () => {
    const given: Memory = { ...held, crash: { epoch: recordOf().epoch, atMs: NOW_MS - 500, saidAtMs: NOW_MS - 500 } };
    const due = { renewedAtMs: NOW_MS - 1_500 };
    const dying = leaderWith(hung);
    expect(kinds(decide({ ...dying, store: { ...dying.store, ...due } }, given).actions)).toEqual(['job:kill']);
    const stuck = leaderWith(hung, {
      guard: guardWith(true),
    });
    const long: Memory = { ...given, crash: { epoch: recordOf().epoch, atMs: NOW_MS - 3_000, saidAtMs: NOW_MS - 3_000 } };
    const release = decide(stuck, long).actions.find((action) => action.kind === 'change');
    expect(release).toMatchObject({ rule: 'T8', record: { state: { kind: 'released', final: null } } });
  });

  test('is restarted in place when its postmaster answers nobody, its disk works and nobody is better off', () => {
    const frozen: Health = { ...UNTRIED, knockSinceMs: NOW_MS - 11_000 };
    const alone = { peers: new Map() };
    expect(kinds(decide(leaderWith(frozen, alone), held).actions)).toContain('job:kill');
    expect(kinds(decide(leaderWith({ ...frozen, diskSinceMs: NOW_MS - 11_000 }, alone), held).actions)).not.toContain('job:kill');
  });
});

test('a standby that does no work leaves the claim to others', () => {
  const down = { epoch: recordOf().epoch, holder: N1, why: 'down', heardAtMs: NOW_MS - 5 } as const;
  const server = { state: standby(500n), seenAtMs: NOW_MS - 1 };
  expect(decide(factsOf({ down, server }), EMPTY_MEMORY).state).toBe('candidate');
  expect(decide(factsOf({ down, server, health: { ...UNTRIED, diskSinceMs: NOW_MS - 6_000 } }), EMPTY_MEMORY).state).not.toBe('candidate');
});
