/** Bugs of promising, choosing and claiming (PROTOCOL P4, P5, T1, T2, T11). */
import type { Mutant, Site } from './mutant.ts';

/**
 * Not a bug: P1 lets the holder's own promise be a read quorum by itself, and no candidate here makes use of it: a holder is never asked. Two guards of P4.2 stand behind that
 * one, and are all there is where it is gone. By itself this breaks nothing.
 */
const HOLDER_IS_ASKED: readonly Site[] = [
  { file: 'agent/core/promise.ts', original: "return 'this node holds the record'", mutated: 'return null' },
  {
    file: 'agent/core/candidate.ts',
    original: 'const missing = record.set.members.filter(',
    mutated: 'const missing = [...record.set.members, record.holder].filter(',
  },
  {
    file: 'agent/core/candidate.ts',
    original: 'record.set.members.includes(answer.member) && !record.barred',
    mutated: '(record.holder === answer.member || record.set.members.includes(answer.member)) && !record.barred',
  },
  {
    file: 'agent/core/candidate.ts',
    original: 'answers.length < quorum',
    mutated: 'answers.length < quorum && !answers.some((answer) => answer.member === record.holder)',
  },
  {
    file: 'agent/core/candidate.ts',
    original: 'requiredPosition(answers, quorum, record.timeline)',
    mutated: 'requiredPosition(answers, Math.min(quorum, answers.length), record.timeline)',
  },
];

const NO_FLOOR: readonly Site[] = [
  {
    file: 'agent/core/candidate.ts',
    original: 'contains(extent, record.floor) && (required === null || contains(extent, required))',
    mutated: '(required === null || contains(extent, required))',
  },
  {
    file: 'agent/core/candidate.ts',
    original: '!contains(boundary, record.floor) && facts.takeover?.force !== true',
    mutated: 'false',
  },
];

export const ELECTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'receiver-kept',
    guards: 'P4.2, I8 · no revoke',
    story: 'A member promises and leaves its WAL receiver running: the old leader goes on collecting acknowledgements.',
    sites: [
      {
        file: 'agent/machine/recipes/promise.ts',
        original: "situation.guard?.postmaster.kind !== 'running' && (kind === 'stopped' || kind === 'absent')",
        mutated: 'true',
      },
    ],
  },
  {
    name: 'promise-volatile',
    guards: 'P2, P4.2 · promise not durable',
    story: 'A restarted member has forgotten whom it promised, and attaches to the old leader again.',
    sites: [{ file: 'agent/machine/node-file-keeper.ts', original: 'maxEpoch(file.promised, ballot)', mutated: 'file.promised' }],
  },
  {
    name: 'no-floor',
    guards: 'P5.5, H1 · two leaders lost in a row',
    story: 'A claimant needs not contain the floor: what the former set guaranteed is thrown away by the claim.',
    sites: NO_FLOOR,
  },
  {
    name: 'no-choice',
    guards: 'P5.4 · R4, R7, R12',
    story: 'Whoever is quickest claims, whatever the others of its read quorum hold.',
    sites: [
      {
        file: 'agent/core/candidate.ts',
        original: 'requiredPosition(answers, quorum, record.timeline)',
        mutated: 'requiredPosition([], quorum, record.timeline)',
      },
    ],
  },
  {
    name: 'one-promise-too-few',
    guards: 'P1, P5.3 · n − k promises',
    story: 'The read quorum is one too small and may miss every member that acknowledged.',
    sites: [
      {
        file: 'shared/domain/member-set.ts',
        original: 'set.members.length - set.k + 1',
        mutated: 'Math.max(1, set.members.length - set.k)',
      },
    ],
  },
  {
    name: 'lease-instead-of-promises',
    guards: 'H2, R2, R40 · time instead of the fence',
    story: 'An ended lease, or silence, is taken for permission: nobody asks whether the old leader can still collect acknowledgements.',
    sites: [
      {
        file: 'agent/core/candidate.ts',
        original: 'answers.length < quorum',
        mutated: "answers.length < (candidacy.trigger === 'ttl' || candidacy.trigger === 'suspicion' ? 1 : quorum)",
      },
    ],
  },
  {
    name: 'empty-set-needs-nobody',
    guards: 'H3, P1 · k = 0',
    story: 'A record without members needs no promise at all: anybody may claim it.',
    sites: [
      { file: 'shared/domain/member-set.ts', original: "set.k === 0 ? 'holder-only' :", mutated: 'set.k === 0 ? 0 :' },
      {
        file: 'agent/core/candidate.ts',
        original: 'record.set.members.includes(self.member) ||',
        mutated: 'record.set.k === 0 || record.set.members.includes(self.member) ||',
      },
      {
        file: 'agent/core/candidate.ts',
        original: 'record.set.members.includes(answer.member) && !record.barred',
        mutated: '(record.set.k === 0 || record.set.members.includes(answer.member)) && !record.barred',
      },
    ],
  },
  {
    name: 'old-promises-reused',
    guards: 'P5.3, S7 · promises of a round that is over',
    story: 'Answers given for a lower ballot count for the next one, although their members have followed somebody since.',
    sites: [
      { file: 'agent/machine/situation.ts', original: 'answer.promised > epoch', mutated: 'true' },
      { file: 'agent/core/candidate.ts', original: 'answer.promised >= candidacy.ballot && record.set', mutated: 'record.set' },
    ],
  },
  {
    name: 'compare-nothing',
    guards: 'S1, T1 · R8, R41',
    story: 'The record is put without a compare: the second claimant overrides the first.',
    sites: [{ file: 'chaos/sim/sim-store.ts', original: '(leader?.modRevision ?? null) !== expected', mutated: 'false' }],
  },
  {
    name: 'compare-epoch-only',
    guards: 'S1 · compare the epoch, not the revision',
    story: 'A claim beats a change of the set that it has never seen.',
    sites: [
      {
        file: 'chaos/sim/sim-store.ts',
        original: '(leader?.modRevision ?? null) !== expected',
        mutated: 'leader !== null && record.epoch < leader.value.epoch',
      },
    ],
  },
  {
    name: 'follow-below-promise',
    guards: 'P4.3, I7',
    story: 'A node attaches to an epoch below the one it has promised.',
    sites: [
      { file: 'agent/core/follower.ts', original: 'facts.file.promised > record.epoch', mutated: 'false' },
      { file: 'agent/machine/recipes/server.ts', original: 'file.current.promised > record.epoch', mutated: 'false' },
    ],
  },
  {
    name: 'evidence-by-lsn',
    guards: 'P1 contains, R35, R24 · raw LSN across timelines',
    story: 'Positions are compared by their bytes alone; a fork that has written more looks ahead.',
    sites: [
      {
        file: 'shared/domain/wal-position.ts',
        original: 'ancestor !== undefined && ancestor.end >= position.lsn',
        mutated: 'extent.lsn >= position.lsn',
      },
    ],
  },
  {
    name: 'claims-everybody',
    guards: 'T1, P5.5 · M′ ⊆ promisers whose WAL it contains',
    story:
      'The claimed set lists every former member, whether or not it let go of the old leader; and the floor, by which one that did not would count for nothing, is not asked for.',
    sites: [
      {
        file: 'agent/core/candidate.ts',
        original: 'contains(own, extentPosition(answer.extent)))',
        mutated: 'true)',
      },
      {
        file: 'agent/core/candidate.ts',
        original: 'followers.map((answer) => answer.member),',
        mutated: 'record.set.members.filter((member) => member !== facts.self.member),',
      },
      ...NO_FLOOR,
    ],
  },
  {
    name: 'position-after-restart',
    guards: 'P4.5, I8, R44, R15 · receive LSN after a restart',
    story: 'A standby that has just been restarted tells of what it has replayed so far, with more lying on its disk.',
    sites: [
      {
        file: 'agent/core/extent.ts',
        original: "facts.receivedLsn === null && !facts.replayIdle && facts.receiver !== 'streaming'",
        mutated: 'false',
      },
    ],
  },
  {
    name: 'promise-by-a-living-primary',
    guards: 'P4.2, H10 · a promise binds its own PostgreSQL',
    story: 'A primary that is asked promises, and runs on.',
    sites: [
      ...HOLDER_IS_ASKED,
      { file: 'agent/machine/recipes/promise.ts', original: 'if (mayBePrimary(bench))', mutated: 'if (false)' },
      { file: 'agent/machine/recipes/promise.ts', original: 'if (seenAsPrimary(situation))', mutated: 'if (false)' },
    ],
  },
  {
    name: 'promise-of-a-hand-made-primary',
    guards: 'P4.2, I8 · promoted between the request and the answer',
    story: 'A standby that somebody has promoted while it was asked tells where it ended at that moment, and goes on writing.',
    sites: [{ file: 'agent/machine/recipes/promise.ts', original: 'if (seenAsPrimary(situation))', mutated: 'if (false)' }],
  },
  {
    name: 'promise-does-not-cancel',
    guards: 'P4.2, H10 · R23',
    story: 'A holder that is asked promises, and carries out the promotion, or the start, that it had decided before.',
    sites: [
      ...HOLDER_IS_ASKED,
      { file: 'agent/machine/recipe.ts', original: 'file.current.promised > epoch', mutated: 'false' },
      { file: 'agent/guard/deadline.ts', original: 'promised > epoch', mutated: 'false' },
      { file: 'agent/machine/jobs.ts', original: 'running.givenUpFor === null || running.isEnding', mutated: 'true' },
      { file: 'agent/core/holder.ts', original: 'facts.file.promised > record.epoch', mutated: 'false' },
    ],
  },
  {
    name: 'timeline-by-postgres',
    guards: 'I5, H4 · ids are not reserved',
    story: 'Each promotion takes the next free number it sees: two of them share one timeline.',
    sites: [
      {
        file: 'agent/core/candidate.ts',
        original: '1 + Math.max(record.timeline, boundary.history.timeline, ...knownTimelines(facts))',
        mutated: '1 + boundary.history.timeline',
      },
    ],
  },
  {
    name: 'identity-by-name',
    guards: 'P1, H9 · a new disk under an old name',
    story: 'A node whose disk was replaced, or that is cloned again, goes on under its old identity.',
    sites: [
      { file: 'chaos/sim/agent.ts', original: 'this.#incarnations += 1;', mutated: 'this.#incarnations = 1;' },
      {
        file: 'agent/machine/recipes/directory.ts',
        original: 'file.accepted === null ? file.incarnation : incarnation',
        mutated: 'file.incarnation',
      },
    ],
  },
  {
    name: 'force-without-fence',
    guards: 'T11, H2 · the fence stays',
    story: 'An operator’s word replaces the promises of members that are there.',
    sites: [{ file: 'agent/core/candidate.ts', original: 'missing.length > 0', mutated: 'false' }],
  },
  {
    name: 'async-retry-is-theft',
    guards: 'P9, H16',
    story: 'In async mode a record that was renewed a moment ago is taken all the same.',
    sites: [
      {
        file: 'agent/core/candidate.ts',
        original: "mode === 'async' ? ttlMs * (1 + facts.self.policy.clockDrift) : ttlMs",
        mutated: "mode === 'async' ? ttlMs / 5 : ttlMs",
      },
    ],
  },
];
