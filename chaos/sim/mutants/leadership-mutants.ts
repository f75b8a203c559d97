/** Bugs of holding: the set, the lease, starting and stopping, handing over (PROTOCOL P3, P6–P9). */
import type { Mutant } from './mutant.ts';

export const LEADERSHIP_MUTANTS: readonly Mutant[] = [
  {
    name: 'no-catch-up',
    guards: 'P7.2, H3',
    story: 'A new member counts before it has what the old ones acknowledged.',
    sites: [
      {
        file: 'agent/core/set-change.ts',
        original: "caughtUp ? { kind: 'record', set: target }",
        mutated: "true ? { kind: 'record', set: target }",
      },
    ],
  },
  {
    name: 'record-first',
    guards: 'P7.2, H3, R20',
    story: 'The record names the new set before it is in force.',
    sites: [
      {
        file: 'agent/core/set-change.ts',
        original: "!sameSet(inForce, target)) return { kind: 'put-in-force', set: target };\n  return caughtUp",
        mutated: "false) return { kind: 'put-in-force', set: target };\n  return true",
      },
    ],
  },
  {
    name: 'set-first',
    guards: 'P7.2, H3',
    story: 'A member that leaves is taken out of the set in force before the record says so.',
    sites: [
      {
        file: 'agent/core/set-change.ts',
        original: 'if (!isSafePair(target, inForce)) return',
        mutated:
          "if (!sameSet(inForce, target)) return { kind: 'put-in-force', set: target };\n    if (!isSafePair(target, inForce)) return",
      },
      { file: 'agent/core/set-change.ts', original: 'if (!isSafePair(record, inForce)) return', mutated: 'if (false) return' },
    ],
  },
  {
    name: 'not-proven',
    guards: 'P7.6, H5',
    story: 'The next step is taken when the file is written, not when every walsender goes by it.',
    sites: [{ file: 'chaos/sim/postgres-door.ts', original: '!life.process.isFrozen && this.#view.isInForce(setting)', mutated: 'true' }],
  },
  {
    name: 'no-stepping-stone',
    guards: 'P7.6, H5 · a change of k is invisible',
    story: 'From ANY to ANY the priorities stay the same, and a walsender that counts by the old k passes for one that has changed.',
    sites: [
      {
        file: 'agent/machine/recipes/sync-set.ts',
        original: "() => put({ kind: 'first', set, generation: situation.nextGeneration() }),",
        mutated: '() => DONE,',
      },
    ],
  },
  {
    name: 'leaver-keeps-releasing',
    guards: 'P7.6, H23',
    story: 'The proof looks at the walsenders of the new set only; a leaver’s goes on releasing commits by its old copy.',
    sites: [
      {
        file: 'chaos/sim/server-view.ts',
        original: 'expectedPriority(acknowledger.copy, member) !== expectedPriority(setting, member),',
        mutated:
          'expectedPriority(setting, member) > 0 && expectedPriority(acknowledger.copy, member) !== expectedPriority(setting, member),',
      },
    ],
  },
  {
    name: 'set-after-promotion',
    guards: 'T4, P7.5, R5 · cloudnative-pg#8790',
    story: 'The set is put in force once the members have attached: until then commits wait for nobody.',
    sites: [
      { file: 'agent/machine/recipes/promote.ts', original: '() => rest(bench, record.set),', mutated: '() => DONE,' },
      { file: 'agent/machine/recipes/server.ts', original: "resting: { kind: 'placeholder' }", mutated: "resting: { kind: 'no-wait' }" },
      { file: 'agent/core/follower.ts', original: '!record.set.members.includes(member) || set.k === 0', mutated: 'true' },
    ],
  },
  {
    name: 'unknown-is-no',
    guards: 'S3, H6, R18',
    story: 'A change whose answer was lost is taken for not done, and commits later.',
    sites: [
      {
        file: 'agent/machine/store-view.ts',
        original: 'inFlight.resendAtMs = this.#outbox.nowMs + RESEND_MS;',
        mutated: "this.#settle(inFlight, { kind: 'lost', why: 'no answer' });",
      },
    ],
  },
  {
    name: 'acts-before-renewing',
    guards: 'S4',
    story: 'A restarted agent acts on its record although a change of its former life may still commit.',
    sites: [{ file: 'agent/core/holder.ts', original: '!facts.store.renewedSinceStart', mutated: 'false' }],
  },
  {
    name: 'acts-on-an-unsettled-change',
    guards: 'S3, I13',
    story: 'The set is put in force while the change that it rests on may or may not have committed.',
    sites: [
      {
        file: 'agent/core/decide.ts',
        original: "facts.store.changeInFlight === 'change' && NEEDS_SETTLED.has(action.job.kind)",
        mutated: 'false',
      },
    ],
  },
  {
    name: 'abort-without-compare',
    guards: 'T9, H6 · the abort is a compare-and-swap',
    story: 'A switchover that takes too long is undone by simply starting the old primary again.',
    sites: [
      {
        file: 'agent/core/holder.ts',
        original: 'return abortHandover(facts, memory, present);',
        mutated:
          'return facts.reached(present.firstSeenAtMs + 300) ? restartInPlace(facts, memory, present, []) : abortHandover(facts, memory, present);',
      },
      {
        file: 'agent/core/authority.ts',
        original: "record.state.kind !== 'serving' && record.state.kind !== 'promoting'",
        mutated: 'false',
      },
    ],
  },
  {
    name: 'serves-behind-the-hand-over',
    guards: 'T9, H6 · PostgreSQL only when the abort is known committed',
    story:
      'The old primary of a switchover that takes too long is started again and lets its clients in, and the heir’s claim comes all the same.',
    sites: [
      {
        file: 'agent/core/holder.ts',
        original: 'return abortHandover(facts, memory, present);',
        mutated: `if (!facts.reached(present.firstSeenAtMs + 300)) return abortHandover(facts, memory, present);
      return facts.server.state.kind === 'running' &&
        facts.inForce.kind === 'proven' &&
        facts.inForce.provenAtLsn !== null &&
        flushedPast(facts.server.state.facts, record.set, facts.inForce.provenAtLsn) >= record.set.k
        ? decision(memory, 'leading', 'letting clients in', ...(facts.open ? [] : [job({ kind: 'open', epoch: record.epoch })]))
        : restartInPlace(facts, memory, present, []);`,
      },
      {
        file: 'agent/core/authority.ts',
        original: "record.state.kind !== 'serving' && record.state.kind !== 'promoting'",
        mutated: 'false',
      },
    ],
  },
  {
    name: 'handed-over-undrained',
    guards: 'T9 · to reports that it contains final',
    story: 'The record is handed over although the target has not said that it has everything.',
    sites: [
      { file: 'agent/core/switchover.ts', original: 'return handover.drained ? null', mutated: 'return true ? null' },
      { file: 'agent/core/candidate.ts', original: '!contains(boundary, final) || !contains(boundary, record.floor)', mutated: 'false' },
      { file: 'agent/machine/recipes/switchover.ts', original: 'if (hasAll) return', mutated: 'if (status !== null) return' },
    ],
  },
  {
    name: 'released-while-running',
    guards: 'T8, I10, H10',
    story: 'The holder gives its record away with a final position while its PostgreSQL still runs.',
    sites: [
      {
        file: 'agent/core/holder.ts',
        original: 'return lead(facts, { ...memory, crash: null }, present, server.state.facts);',
        mutated:
          "return facts.failures.has('put-in-force') ? release(memory, present, { timeline: server.state.facts.history.timeline, lsn: present.record.floor.lsn }) : lead(facts, { ...memory, crash: null }, present, server.state.facts);",
      },
    ],
  },
  {
    name: 'reenlist-moves-the-timeline',
    guards: 'T3, H22',
    story: 'Taking the record up again takes a new timeline, and what was acknowledged stops counting.',
    sites: [
      {
        file: 'agent/core/reenlist.ts',
        original: 'record: { ...record, epoch: raised, seq: record.seq + 1 },',
        mutated: 'record: { ...record, epoch: raised, seq: record.seq + 1, timeline: (record.timeline + 1) as typeof record.timeline },',
      },
    ],
  },
  {
    name: 'starts-off-its-timeline',
    guards: 'T5, H22',
    story: 'A holder whose WAL is not on the record’s timeline starts as a primary all the same.',
    sites: [
      {
        file: 'agent/core/holder.ts',
        original: 'state.extent !== null && !isOfRecord(state.extent, record)',
        mutated: 'false',
      },
      { file: 'agent/core/holder.ts', original: 'return !isOfRecord(extent, record) &&', mutated: 'return false &&' },
      {
        file: 'agent/core/reenlist.ts',
        original: "timeline === record.timeline ? { kind: 'serving' } : { kind: 'promoting' }",
        mutated: "{ kind: 'serving' }",
      },
      { file: 'agent/core/holder.ts', original: 'state.extent?.history.timeline === record.timeline', mutated: 'true' },
    ],
  },
  {
    name: 'deposed-goes-on',
    guards: 'T10, R40, R43',
    story: 'A primary that sees a newer epoch of somebody else leaves its PostgreSQL running.',
    sites: [
      {
        file: 'agent/core/follower.ts',
        original: "running?.kind === 'promise' ? []",
        mutated: 'true ? []',
      },
    ],
  },
  {
    name: 'guard-keeps-no-deadline',
    guards: 'A4, I11, R10',
    story: 'The guard lets a primary live whose right has ended.',
    sites: [{ file: 'agent/guard/deadline.ts', original: 'mayBePrimary && (right === null || nowMs >= right.untilMs)', mutated: 'false' }],
  },
  {
    name: 'smart-fence',
    guards: 'A4, R1 · cloudnative-pg#11280',
    story: 'The fence waits for clients to go: open sessions go on committing.',
    sites: [
      { file: 'chaos/sim/guard.ts', original: 'random.between(3, 60)', mutated: "why === 'fenced' ? 20_000 : random.between(3, 60)" },
    ],
  },
  {
    name: 'opens-at-once',
    guards: 'T5, T6, H17, R19',
    story: 'Clients are let in before the quorum has what surfaced in recovery, and read what is lost a moment later.',
    sites: [
      {
        file: 'agent/core/holder.ts',
        original:
          "since !== null && flushedPast(server, record.set, since) >= record.set.k)\n    return decision(\n      memory,\n      'leading',",
        mutated: "true)\n    return decision(\n      memory,\n      'leading',",
      },
    ],
  },
  {
    name: 'wiped-inside-the-set',
    guards: 'P7.8, I14',
    story: 'A member gives up its data while the record may still ask for it.',
    sites: [
      { file: 'agent/core/follower.ts', original: 'if (record.set.members.includes(facts.self.member)) {', mutated: 'if (false) {' },
      { file: 'agent/machine/recipes/directory.ts', original: "left.kind === 'failed'", mutated: 'false' },
    ],
  },
  {
    name: 'half-made-directory',
    guards: 'P2, R21, R29 · stolon#917',
    story: 'What a rewind left behind when it was cut short is started as if it were whole.',
    sites: [{ file: 'agent/machine/recipes/directory.ts', original: "dir: 'rebuilding',", mutated: 'dir: file.dir,' }],
  },
  {
    name: 'starts-without-the-road',
    guards: 'P6 before any start, R24, R25',
    story: 'A node whose WAL goes beyond the fork is started as a standby; it does not fail, it waits for ever.',
    sites: [
      {
        file: 'agent/core/extent.ts',
        original: 'if (!own.history.ancestors.every(isSameFork)) return false;',
        mutated: 'if (own.lsn >= 0n) return true;',
      },
      { file: 'agent/core/follower.ts', original: 'facts.reached(since + NOT_STREAMING_LIMIT_MS)', mutated: 'false' },
    ],
  },
  {
    name: 'one-voice-is-enough',
    guards: 'P5.1, H14',
    story: 'One standby with a bad link starts a failover.',
    sites: [{ file: 'agent/core/suspicion.ts', original: 'Math.max(quorum, 2)', mutated: '1' }],
  },
  {
    name: 'no-re-enlisting',
    guards: 'T3, H15',
    story: 'Members that promised somebody who never claimed can never follow their leader again.',
    sites: [{ file: 'agent/core/reenlist.ts', original: 'above.length === 0', mutated: 'true' }],
  },
  {
    name: 'requires-the-best',
    guards: 'P5.4, H11 · R16',
    story:
      'A claimant must have what the best of all promisers has, although another read quorum would do: it may die, or carry an unacknowledged tail.',
    sites: [
      {
        file: 'agent/core/required.ts',
        original: '(one !== null && one < least) ? one : least',
        mutated: '(one !== null && one > least) ? one : least',
      },
      { file: 'agent/core/candidate.ts', original: 'const sources = answers.filter(', mutated: 'const sources = [].filter(' },
    ],
  },
  {
    name: 'no-slots-beforehand',
    guards: 'R38 · slots where nobody follows yet',
    story: 'Followers that are pointed at a new primary find no slot there, and the promotion waits for them.',
    sites: [
      {
        file: 'agent/core/slots.ts',
        original: '!(differ || server.inRecovery) || !isDue',
        mutated: 'true || !isDue',
      },
    ],
  },
  {
    name: 'crash-loop-for-ever',
    guards: 'R11, R13 · restart budget',
    story: 'A holder that cannot start releases and takes up its record in turns.',
    sites: [{ file: 'agent/core/holder.ts', original: 'failed < memory.restartsForgiven ? 0 : memory.restartsForgiven', mutated: '0' }],
  },
  {
    name: 'proxy-follows-old-news',
    guards: 'I15, R31',
    story: 'A watch that repeats an older record sends writers back to a deposed primary.',
    sites: [{ file: 'proxy/core/view.ts', original: "next.epoch > current.epoch ? 'news' : 'stale'", mutated: "'news'" }],
  },
  {
    name: 'hand-made-timeline-counts-for-nothing',
    guards: 'P5.4, H24',
    story: 'Members promoted by hand count for nothing, although they hold what they acknowledged before.',
    sites: [
      {
        file: 'agent/core/required.ts',
        original: 'history.ancestors.find((ancestor) => ancestor.timeline === timeline)?.end ?? null',
        mutated: 'null',
      },
    ],
  },
  {
    name: 'hand-made-timeline-passes',
    guards: 'I5, H4',
    story: 'A standby that was promoted by hand under the number of a claim elsewhere streams on over different content.',
    sites: [
      { file: 'agent/core/follower.ts', original: 'wasPrimary && !wasOurs(facts, extent)', mutated: 'false' },
      { file: 'agent/core/extent.ts', original: 'if (!own.history.ancestors.every(isSameFork)) return false;', mutated: '' },
      { file: 'agent/core/candidate.ts', original: ', ...knownTimelines(facts)', mutated: '' },
    ],
  },
];
