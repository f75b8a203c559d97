/**
 * States that must be reachable, or the model says nothing: a world in which nothing happens is safe too. Only data; each state is defined in
 * promela/reachable.pml.
 */
import type { Depth, Flags } from './scopes.ts';

export type ReachableState = {
  readonly name: string;
  readonly flags: Flags;
  readonly shows: string;
  readonly depth: Depth;
};

const TWO: Flags = { WRITES: 1, EPOCHS: 2 };
const THREE: Flags = { WRITES: 1, EPOCHS: 3 };
const SETS: Flags = { ...TWO, SET_CHANGES: 1 };
const SWITCH: Flags = { ...TWO, SWITCHOVERS: 1 };
const CRASH: Flags = { ...TWO, CRASHES: 1 };

export const REACHABLE_STATES: readonly ReachableState[] = [
  { name: 'THREE_PRIMARIES', flags: THREE, shows: 'three PostgreSQL primaries at once', depth: 'quick' },
  {
    name: 'ACKS_IN_THREE_EPOCHS',
    flags: { WRITES: 3, EPOCHS: 3 },
    shows: 'acknowledged writes in three epochs',
    depth: 'default',
  },
  { name: 'REFUSED_BY_FLOOR', flags: THREE, shows: 'a claim refused only because of the floor', depth: 'quick' },
  { name: 'REFUSED_BY_REQUIRED', flags: TWO, shows: 'a claim refused only because of what the promises require', depth: 'default' },
  {
    name: 'CLAIM_BY_PROMISE_OF_HOLDER',
    flags: CRASH,
    shows: 'the promise of the crashed holder is a read quorum by itself',
    depth: 'default',
  },
  { name: 'LATE_PROMOTION', flags: THREE, shows: 'a deposed claimant about to carry out its promotion', depth: 'default' },
  { name: 'CHANGE_OUTLIVES_SENDER', flags: CRASH, shows: 'a change of the record in flight whose sender has crashed', depth: 'default' },
  { name: 'TAIL_IS_GONE', flags: CRASH, shows: 'a tail that was never acknowledged is rewound away', depth: 'default' },
  { name: 'RE_ENLISTED', flags: TWO, shows: 'a leader re-enlists a member that had promised in vain', depth: 'default' },
  { name: 'RELEASE_TAKEN_UP', flags: SWITCH, shows: 'a holder takes its own release up again', depth: 'default' },
  { name: 'VOTE_AFTER_RELEASE', flags: SWITCH, shows: 'a release without final is claimed by vote', depth: 'default' },
  { name: 'SWITCHED_OVER', flags: SWITCH, shows: 'a switchover ends with the old leader among the new members', depth: 'default' },
  { name: 'ABORT_ON_ITS_WAY', flags: SWITCH, shows: 'a hand-over is aborted', depth: 'default' },
  { name: 'ACKNOWLEDGED_ALONE', flags: SETS, shows: 'k = 0: a commit that no other node has', depth: 'default' },
  { name: 'BACK_FROM_ALONE', flags: SETS, shows: 'k = 0 is left again', depth: 'default' },
  { name: 'SET_CHANGE_WHILE_PROMOTING', flags: SETS, shows: 'the set changes between promotion and serving', depth: 'default' },
  {
    name: 'WALSENDERS_DISAGREE',
    flags: { ...SETS, WALSENDERS: 1 },
    shows: 'two walsenders decide by different settings',
    depth: 'default',
  },
  {
    name: 'NEW_INCARNATION_IS_MEMBER',
    flags: { ...SETS, DISK_LOSSES: 1 },
    shows: 'a lost member is replaced by its new incarnation',
    depth: 'default',
  },
  {
    name: 'CLAIM_OF_LOST_NODE',
    flags: { ...TWO, DISK_LOSSES: 1 },
    shows: 'a claim is on its way whose sender has lost its disk',
    depth: 'default',
  },
  {
    name: 'PUSHED_ANSWER',
    flags: { ...TWO, DOWN_MESSAGES: 1 },
    shows: 'an answer arrives before its receiver has promised',
    depth: 'default',
  },
  { name: 'FORCED_LOSS', flags: { ...TWO, FORCE: 1 }, shows: 'a forced take-over loses an acknowledged write', depth: 'default' },
];
