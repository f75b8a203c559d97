/**
 * The guards that a run switches off, each in the smallest scope in which harm follows. Only data. What each guard says and which rule it belongs to
 * stands at its macro in promela/guards.pml; guard-sentences.ts reads it there.
 */
import type { Depth, Flags } from './scopes.ts';

/**
 * I1 an acknowledged write is lost, I4 two primaries acknowledge, I5 two contents under one timeline id, P1 nobody has to acknowledge; progress: the healed
 * cluster stands still; cycle: it goes round for ever.
 */
export type Harm = 'I1' | 'I4' | 'I5' | 'P1' | 'progress' | 'cycle';

export type GuardRemoval = {
  /** More than one where they stand behind each other: only without all of them is there harm. */
  readonly without: readonly string[];
  readonly flags: Flags;
  readonly harm: Harm;
  /** What happens without it, in one line. */
  readonly consequence: string;
  /** The attack it answers. */
  readonly attack?: string;
  readonly depth: Depth;
};

const TWO: Flags = { WRITES: 1, EPOCHS: 2 };
const THREE: Flags = { WRITES: 1, EPOCHS: 3 };
const SETS: Flags = { ...TWO, SET_CHANGES: 1 };
const SWITCH: Flags = { ...TWO, SWITCHOVERS: 1 };
const RECOVERY: Flags = { ...TWO, HEAL: 1, HEALED_EPOCHS: 1 };

export const GUARD_REMOVALS: readonly GuardRemoval[] = [
  { without: ['REVOKE'], flags: TWO, harm: 'I1', consequence: 'the old leader acknowledges after the claim', depth: 'quick' },
  {
    without: ['DURABLE_PROMISE'],
    flags: { ...TWO, CRASHES: 1 },
    harm: 'I1',
    consequence: 'a restarted member attaches to the old leader again',
    depth: 'default',
  },
  {
    without: ['STOP_BEFORE_PROMISE'],
    flags: TWO,
    harm: 'I1',
    attack: 'H10',
    consequence: 'a holder goes on acknowledging after its promise was counted',
    depth: 'default',
  },
  { without: ['FOLLOW_PROMISED'], flags: TWO, harm: 'I1', consequence: 'a promiser attaches to the old leader again', depth: 'quick' },
  {
    without: ['ATTACH_CANCELS', 'ATTACH_PROMISES'],
    flags: { ...THREE, CRASHES: 1 },
    harm: 'I1',
    consequence: 'a follower of the new leader carries out the promotion it had decided before, and nothing on its disk forbids it',
    depth: 'default',
  },
  {
    without: ['ATTACH_CANCELS', 'PROMOTE_PROMISED'],
    flags: THREE,
    harm: 'I1',
    consequence: 'the same, and the guard process does not look at the promise',
    depth: 'default',
  },
  {
    without: ['T4_PROMISED', 'PROMOTE_PROMISED'],
    flags: THREE,
    harm: 'I1',
    attack: 'H10',
    consequence: 'a claimant promises a higher epoch and promotes all the same',
    depth: 'default',
  },
  {
    without: ['PROMISE_CANCELS', 'PROMOTE_PROMISED'],
    flags: THREE,
    harm: 'I1',
    attack: 'H10',
    consequence: 'a promotion decided before the promise is carried out after it',
    depth: 'default',
  },
  {
    without: ['T5_PROMISED', 'START_PROMISED'],
    flags: { ...TWO, CRASHES: 1 },
    harm: 'I1',
    attack: 'H10',
    consequence: 'a crashed holder promises a higher epoch and restarts in place all the same',
    depth: 'default',
  },
  {
    without: ['PROMISE_CANCELS', 'START_PROMISED'],
    flags: { ...TWO, CRASHES: 1 },
    harm: 'I1',
    attack: 'H10',
    consequence: 'a restart in place decided before the promise is carried out after it',
    depth: 'default',
  },
  { without: ['FENCE'], flags: TWO, harm: 'I1', attack: 'H2', consequence: 'an expired lease is taken for a fence', depth: 'default' },
  { without: ['READ_QUORUM'], flags: TWO, harm: 'I1', consequence: 'one promise too few: the quorums do not intersect', depth: 'quick' },
  {
    without: ['HOLDER_ONLY'],
    flags: SETS,
    harm: 'I1',
    attack: 'H3',
    consequence: 'with an empty set nobody has to be asked',
    depth: 'default',
  },
  {
    without: ['REQUIRED'],
    flags: TWO,
    harm: 'I1',
    consequence: 'a standby that lacks the write claims before the one that has it',
    depth: 'quick',
  },
  {
    without: ['FLOOR'],
    flags: THREE,
    harm: 'I1',
    attack: 'H1',
    consequence: 'two leaders lost in a row: the second claim knows nothing of the first set',
    depth: 'quick',
  },
  {
    without: ['FORK_IS_FLOOR'],
    flags: { ...THREE, CRASHES: 2, DISK_LOSSES: 1 },
    harm: 'I1',
    attack: 'H1',
    consequence:
      'a restarted candidate fetches on, its old claim lands, and what lies between its floor and its fork is required by nobody',
    depth: 'default',
  },
  {
    without: ['FETCH_BEFORE_CLAIM', 'FORK_IS_FLOOR'],
    flags: { ...THREE, CRASHES: 1, DISK_LOSSES: 1 },
    harm: 'I1',
    consequence: 'the same without a restart: the claimant fetches on while its claim is on its way',
    depth: 'default',
  },
  {
    without: ['FRESH_PROMISES'],
    flags: THREE,
    harm: 'I1',
    consequence: 'a promise made for an older epoch hides what its maker has acknowledged since',
    depth: 'default',
  },
  {
    without: ['ANSWER_BY_INCARNATION'],
    flags: { ...SETS, DISK_LOSSES: 1 },
    harm: 'I1',
    attack: 'H9',
    consequence: 'the answer of a lost incarnation counts for the new one, which has promised nothing',
    depth: 'default',
  },
  {
    without: ['INCARNATION'],
    flags: { ...TWO, DISK_LOSSES: 1 },
    harm: 'I1',
    attack: 'H9',
    consequence: 'an empty node promises under the name of the one that had the write',
    depth: 'default',
  },
  {
    without: ['FINAL'],
    flags: SWITCH,
    harm: 'I1',
    attack: 'H2',
    consequence: 'a standby that lacks the last writes is quicker than the one that has them',
    depth: 'default',
  },
  {
    without: ['FORCE_FENCE'],
    flags: { WRITES: 2, EPOCHS: 2, FORCE: 1 },
    harm: 'I4',
    attack: 'H2',
    consequence: 'the forced leader and the old one both acknowledge',
    depth: 'default',
  },
  { without: ['COMPARE'], flags: TWO, harm: 'I1', consequence: 'a second claimant overwrites the first', depth: 'default' },
  {
    without: ['COMPARE_REVISION'],
    flags: SETS,
    harm: 'I1',
    consequence: 'a claim beats a change to k = 0 that it never saw',
    depth: 'default',
  },
  {
    without: ['UNKNOWN_SET'],
    flags: SETS,
    harm: 'I1',
    attack: 'H6',
    consequence: 'the leader goes back to the old set, and the change it took for failed lands',
    depth: 'default',
  },
  {
    without: ['UNKNOWN_START'],
    flags: SWITCH,
    harm: 'I1',
    attack: 'H6',
    consequence: 'the leader serves again, and the hand-over it took for failed lands',
    depth: 'default',
  },
  {
    without: ['RENEW_FIRST'],
    flags: { ...SWITCH, CRASHES: 1 },
    harm: 'I1',
    attack: 'H6',
    consequence: 'a restarted agent does not know of the release that is still on its way',
    depth: 'default',
  },
  {
    without: ['T0_OWN_TIMELINE'],
    flags: TWO,
    harm: 'I1',
    attack: 'H24',
    consequence: 'the record names another timeline than the directory, so nothing is ever required',
    depth: 'default',
  },
  {
    without: ['RESERVED_TIMELINE'],
    flags: THREE,
    harm: 'I5',
    attack: 'H4',
    consequence: 'two epochs promote to the same timeline id',
    depth: 'quick',
  },
  {
    without: ['SET_BEFORE_PROMOTION'],
    flags: THREE,
    harm: 'I1',
    attack: 'H5',
    consequence: 'the new primary acknowledges before anybody has to',
    depth: 'default',
  },
  {
    without: ['T3_STATE', 'T5_TIMELINE'],
    flags: { ...THREE, SWITCHOVERS: 1, CRASHES: 1 },
    harm: 'I1',
    attack: 'H22',
    consequence: 'a holder that never promoted serves on the old timeline, where its writes are not required',
    depth: 'default',
  },
  {
    without: ['T3_SAME_TIMELINE'],
    flags: { WRITES: 1, EPOCHS: 4, CRASHES: 1 },
    harm: 'I1',
    attack: 'H22',
    consequence: 're-enlisting moves the timeline, and acknowledged WAL stops being required',
    depth: 'default',
  },
  {
    without: ['CATCH_UP'],
    flags: SETS,
    harm: 'I1',
    attack: 'H3',
    consequence: 'the new member lacks what the old one acknowledged',
    depth: 'quick',
  },
  { without: ['SAFE_RECORD'], flags: SETS, harm: 'I1', attack: 'H3', consequence: 'the record changes first, always', depth: 'default' },
  { without: ['SAFE_SETTING'], flags: SETS, harm: 'I1', attack: 'H3', consequence: 'the setting changes first, always', depth: 'default' },
  {
    without: ['LEAVE_ORDER'],
    flags: { ...SETS, FIRST_K: 2 },
    harm: 'I1',
    attack: 'H3',
    consequence: 'a member leaves by the setting first, and k falls with it',
    depth: 'default',
  },
  {
    without: ['DEGRADE_ORDER'],
    flags: SETS,
    harm: 'I1',
    attack: 'H5',
    consequence: "'' is in force while the record still asks for k",
    depth: 'default',
  },
  {
    without: ['PROOF'],
    flags: SETS,
    harm: 'I1',
    attack: 'H5',
    consequence: 'the next step is taken while the older value still decides',
    depth: 'default',
  },
  {
    without: ['PROOF_OF_LEAVERS'],
    flags: { ...SETS, WALSENDERS: 1 },
    harm: 'I1',
    attack: 'H23',
    consequence: 'the walsender of a leaver releases commits by its old copy',
    depth: 'default',
  },
  {
    without: ['PROOF_OF_K'],
    flags: { ...SETS, WALSENDERS: 1 },
    harm: 'I1',
    attack: 'H23',
    consequence: 'a walsender releases commits by the old k, and no priority shows it',
    depth: 'default',
  },
  {
    without: ['WIPE_OUTSIDE_RECORD', 'INCARNATION'],
    flags: { ...SETS, RECLONES: 1 },
    harm: 'I1',
    attack: 'H9',
    consequence: 'a member is cloned afresh while the record still counts on it',
    depth: 'default',
  },
  {
    without: ['WIPE_OUTSIDE_SET', 'INCARNATION'],
    flags: { ...SETS, RECLONES: 1 },
    harm: 'I1',
    attack: 'H9',
    consequence: 'a member is cloned afresh while its acknowledgement still counts',
    depth: 'default',
  },
  {
    without: ['STOP_BEFORE_RELEASE'],
    flags: SWITCH,
    harm: 'I1',
    attack: 'H10',
    consequence: 'a released holder still acknowledges',
    depth: 'default',
  },
  {
    without: ['STOP_BEFORE_HAND_OVER'],
    flags: SWITCH,
    harm: 'I1',
    attack: 'H10',
    consequence: 'a holder acknowledges after it has named its final position',
    depth: 'default',
  },
  {
    without: ['COMMITTED_ABORT'],
    flags: SWITCH,
    harm: 'I1',
    consequence: 'the old leader serves again while the target claims',
    depth: 'default',
  },
  {
    without: ['T2_OWN_SET'],
    flags: SWITCH,
    harm: 'P1',
    attack: 'H25',
    consequence: 'every planned move ends with k = 0',
    depth: 'default',
  },
  {
    without: ['RE_ENLISTING'],
    flags: RECOVERY,
    harm: 'progress',
    attack: 'H15',
    consequence: 'members that promised in vain can never follow their leader again',
    depth: 'default',
  },
  {
    without: ['SMALLEST_REQUIREMENT'],
    flags: { ...RECOVERY, CRASHES: 1 },
    harm: 'progress',
    attack: 'H11',
    consequence: 'everybody waits for the tail of a dead leader, which nobody ever acknowledged',
    depth: 'default',
  },
  {
    without: ['T3_AFTER_RELEASE'],
    flags: { ...RECOVERY, SWITCHOVERS: 1 },
    harm: 'progress',
    attack: 'H26',
    consequence: 'a release that nobody claims leaves the cluster without a leader',
    depth: 'default',
  },
  {
    without: ['QUIET_AFTER_DOWN'],
    flags: { ...RECOVERY, CRASHES: 1 },
    harm: 'cycle',
    consequence: 'every renewal makes the claim void that was sent since the last one',
    depth: 'default',
  },
];
