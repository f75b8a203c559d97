/**
 * Rare states that a run of many seeds must have been in: a simulator that never gets there proves nothing about them. `npm run sim` lists those it
 * did not reach, and a full run has to reach them all.
 */
import { FAILPOINTS } from './failpoint.ts';
import { FAULT_KINDS } from './fault-kinds.ts';

export const STATES = [
  'three PostgreSQL primaries at once',
  'two PostgreSQL primaries at once',
  'writes acknowledged in four epochs',
  'an acknowledgement was given after a newer epoch had been claimed',
  'a promotion came after its epoch was over',
  'a claim lost its compare',
  'a candidate died between promise and claim',
  'a holder died between claim and serving',
  'a rewind was cut short',
  'a failover during a rewind or clone',
  'a diverged standby waited for a stream',
  'a request committed long after its caller gave up',
  'a change of the set ended unknown',
  'a primary lived through an outage of etcd longer than its lease',
  'a primary outlived its lease under an agent that had never read the store',
  'a guard ended a primary at its deadline',
  'a record was cut at half when a receiver was ended',
  'the set went down to nobody and came back',
  'a strict holder waited for a standby',
  'an operator forced a failover',
  'a store that had gone back was refused',
  'a store was repaired',
  'a leader that lived and did no work gave way',
  'a postmaster that answered nobody was killed',
  'a switchover was taken back',
  'a session wrote on a primary whose epoch was over',
  'a node came back under another incarnation while its former one was in the record',
] as const;

export const RULES = ['T0', 'T1', 'T2', 'T3', 'T6', 'T7', 'T8', 'T9', 'T9-abort', 'T11'] as const;

export type Mark =
  | (typeof STATES)[number]
  | `rule ${(typeof RULES)[number] | 'renew'}`
  | `fault ${(typeof FAULT_KINDS)[number]}`
  | `failpoint ${(typeof FAILPOINTS)[number]}`;

export const ALL_MARKS: readonly Mark[] = [
  ...STATES,
  ...RULES.map((rule) => `rule ${rule}` as const),
  ...FAULT_KINDS.map((kind) => `fault ${kind}` as const),
  ...FAILPOINTS.map((name) => `failpoint ${name}` as const),
];

export function unreached(marks: ReadonlySet<string>): readonly Mark[] {
  return ALL_MARKS.filter((mark) => !marks.has(mark));
}
