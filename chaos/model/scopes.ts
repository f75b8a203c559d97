/**
 * The scopes: how large a world each exhaustive search looks at. Only data. Every flag is explained in promela/state.pml; none of them switches a
 * guard off.
 */

export type Flag =
  | 'WRITES'
  | 'EPOCHS'
  | 'HEALED_EPOCHS'
  | 'FIRST_K'
  | 'CRASHES'
  | 'SET_CHANGES'
  | 'SWITCHOVERS'
  | 'DISK_LOSSES'
  | 'RECLONES'
  | 'FREE_SETS'
  | 'DOWN_MESSAGES'
  | 'FORCE'
  | 'WALSENDERS'
  | 'OWN_ACKS'
  | 'HEAL';

export type Flags = Readonly<Partial<Record<Flag, number>>>;

/** `quick` is for every push, `default` for `npm run model`, `deep` only with --deep. Each includes the ones before. */
export type Depth = 'quick' | 'default' | 'deep';

/** `safety`: no invariant is ever violated. `recovery`: no run stands still where it could go on. `cycles`: no run goes on for ever without getting there. */
export type ScopeKind = 'safety' | 'recovery' | 'cycles';

export type Scope = {
  readonly name: string;
  readonly kind: ScopeKind;
  readonly flags: Flags;
  readonly covers: string;
  readonly depth: Depth;
};

const RECOVERY: Flags = { HEAL: 1, HEALED_EPOCHS: 1 };

export const SCOPES: readonly Scope[] = [
  {
    name: 'votes',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 3 },
    covers: 'candidates, promises, claims, late promotions, rewinds; two writes',
    depth: 'quick',
  },
  {
    name: 'votes-k2',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 3, FIRST_K: 2, FREE_SETS: 1 },
    covers: 'the same with k = 2 of 2, and claims with the other k',
    depth: 'default',
  },
  {
    name: 'four-epochs',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 4, FREE_SETS: 1 },
    covers: 'three changes of leadership in a row',
    depth: 'default',
  },
  {
    name: 'crashes',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, CRASHES: 2 },
    covers: 'crashes of any node at any moment, restart in place, the promise of a crashed holder',
    depth: 'default',
  },
  {
    name: 'crashes-two-writes',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 2, CRASHES: 2 },
    covers: 'two crashes and two writes',
    depth: 'default',
  },
  {
    name: 'down',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, CRASHES: 1, DOWN_MESSAGES: 1 },
    covers: '`down`: promises made unasked and pushed to all',
    depth: 'default',
  },
  {
    name: 'set-changes',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 2, SET_CHANGES: 1 },
    covers: 'members join and leave, k up and down, degrading to nobody and back, also while promoting; two writes',
    depth: 'default',
  },
  {
    name: 'set-changes-k2',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 2, SET_CHANGES: 1, FIRST_K: 2, CRASHES: 1, FREE_SETS: 1 },
    covers: 'the same from k = 2, with a crash in the middle of a change',
    depth: 'default',
  },
  {
    name: 'walsenders',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 2, SET_CHANGES: 1, WALSENDERS: 1 },
    covers: 'every walsender reads a new set at its own time; the proof of P7.6',
    depth: 'default',
  },
  {
    name: 'switchovers',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 2, CRASHES: 1, SWITCHOVERS: 1, FREE_SETS: 1 },
    covers: 'release with and without final, hand-over, abort, re-enlisting after a release; with a crash',
    depth: 'default',
  },
  {
    name: 'switchovers-three-epochs',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, SWITCHOVERS: 1 },
    covers: 'the same against two competing claims',
    depth: 'default',
  },
  {
    name: 'disk-loss',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, CRASHES: 1, DISK_LOSSES: 1 },
    covers: 'any node, the holder too, loses its disk and its promises',
    depth: 'default',
  },
  {
    name: 'disk-loss-switchover',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, DISK_LOSSES: 1, SWITCHOVERS: 1 },
    covers: 'the same in the middle of a hand-over',
    depth: 'default',
  },
  {
    name: 'incarnations',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 2, SET_CHANGES: 1, DISK_LOSSES: 1, RECLONES: 1 },
    covers: 'planned and unplanned wipes; new incarnations join and are enlisted',
    depth: 'default',
  },
  {
    name: 'together',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, SET_CHANGES: 1, SWITCHOVERS: 1 },
    covers: 'a crash, set changes and a switchover in one run',
    depth: 'default',
  },
  {
    name: 'force',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 3, FORCE: 1, DISK_LOSSES: 1 },
    covers: 'an operator forces a take-over (T11): writes may be lost, two primaries never acknowledge',
    depth: 'default',
  },
  {
    name: 'recovery',
    kind: 'recovery',
    flags: { WRITES: 1, EPOCHS: 3, CRASHES: 1, ...RECOVERY },
    covers: 'the faults end at any moment, at most one node stays dead: the cluster serves again',
    depth: 'default',
  },
  {
    name: 'recovery-set-changes',
    kind: 'recovery',
    flags: { WRITES: 1, EPOCHS: 2, SET_CHANGES: 1, ...RECOVERY },
    covers: 'the same in the middle of a set change',
    depth: 'default',
  },
  {
    name: 'recovery-switchover',
    kind: 'recovery',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, SWITCHOVERS: 1, ...RECOVERY },
    covers: 'the same in the middle of a release or hand-over, with a crash',
    depth: 'default',
  },
  {
    name: 'recovery-disk-loss',
    kind: 'recovery',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, DISK_LOSSES: 1, ...RECOVERY },
    covers: 'the same after a lost disk and a crash',
    depth: 'default',
  },
  {
    name: 'no-cycles',
    kind: 'cycles',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, SWITCHOVERS: 1, ...RECOVERY },
    covers: 'and it gets there: nothing goes round for ever, after a crash and a switchover',
    depth: 'default',
  },
  {
    name: 'no-cycles-set-changes',
    kind: 'cycles',
    flags: { WRITES: 1, EPOCHS: 2, SET_CHANGES: 1, ...RECOVERY },
    covers: 'nor in the middle of a set change',
    depth: 'deep',
  },
  {
    name: 'set-changes-three-epochs',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, SET_CHANGES: 1 },
    covers: 'claims computed from records that a promoting holder has changed',
    depth: 'deep',
  },
  {
    name: 'switchovers-crash-three-epochs',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, CRASHES: 1, SWITCHOVERS: 1 },
    covers: 'crash and switchover against two competing claims',
    depth: 'deep',
  },
  {
    name: 'two-switchovers',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, SWITCHOVERS: 2 },
    covers: 'a second release or hand-over after the first',
    depth: 'deep',
  },
  {
    name: 'together-k2',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, SET_CHANGES: 1, SWITCHOVERS: 1, FIRST_K: 2, FREE_SETS: 1 },
    covers: 'a crash, set changes and a switchover in one run, from k = 2',
    depth: 'deep',
  },
  {
    name: 'set-changes-crash-two-writes',
    kind: 'safety',
    flags: { WRITES: 2, EPOCHS: 2, CRASHES: 1, SET_CHANGES: 1, FREE_SETS: 1 },
    covers: 'set changes with a crash and two writes',
    depth: 'deep',
  },
  {
    name: 'disk-loss-set-changes-three-epochs',
    kind: 'safety',
    flags: { WRITES: 1, EPOCHS: 3, SET_CHANGES: 1, DISK_LOSSES: 1 },
    covers: 'new incarnations against two competing claims',
    depth: 'deep',
  },
  {
    name: 'recovery-set-changes-crash',
    kind: 'recovery',
    flags: { WRITES: 1, EPOCHS: 2, CRASHES: 1, SET_CHANGES: 1, ...RECOVERY },
    covers: 'recovery from a crash in the middle of a set change',
    depth: 'deep',
  },
];
