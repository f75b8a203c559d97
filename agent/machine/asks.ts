/**
 * What the machine asks of the world and what the world may answer: the complete list, as types. The shell (agent/loop) answers with etcd,
 * PostgreSQL, disks and peers, the simulator with models of them; both answer every ask exactly once, in its own time. The machine never
 * assumes *when*, and an answer that never comes is the shell's defect: each ask carries its own deadline there.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import type { Incarnation, MemberId, NodeName } from '../../shared/domain/node-id.ts';
import type { TimelineId } from '../../shared/domain/timeline.ts';
import type { WalPosition } from '../../shared/domain/wal-position.ts';
import type { Action } from '../core/actions.ts';
import type { PeerStatus, PromiseAnswer } from '../core/facts.ts';
import type { PromiseQuestion } from '../core/promise.ts';
import type { NodeFile } from '../node-file/port.ts';
import type { Follow, Outcome, ServerState, StartAs, SyncSetting } from '../postgres/port.ts';

/** One thing that stands in the store, decoded. What cannot be read is told for the leader record only: nobody acts on the rest. */
export type StoreItem =
  | { readonly kind: 'leader'; readonly record: LeaderRecord; readonly modRevision: bigint }
  | { readonly kind: 'unreadable-leader'; readonly why: string }
  | { readonly kind: 'history'; readonly entry: HistoryEntry }
  | { readonly kind: 'node'; readonly node: NodeRecord }
  | { readonly kind: 'operation'; readonly operation: OperationRecord; readonly modRevision: bigint };

/** A linearizable read of everything, or why there was none. */
export type StoreRead =
  | { readonly kind: 'read'; readonly clusterId: string; readonly revision: bigint; readonly items: readonly StoreItem[] }
  | { readonly kind: 'unavailable'; readonly why: string };

/** S3. `lost`: this change did not commit and never will, or something else has taken its place since. */
export type ChangeAnswer =
  | { readonly kind: 'committed'; readonly modRevision: bigint }
  | { readonly kind: 'lost'; readonly why: 'rejected' | 'superseded'; readonly current: StoreItem | null }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

export type PromiseReply =
  | { readonly kind: 'promised'; readonly answer: PromiseAnswer }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string };

export type Made =
  | { readonly kind: 'done'; readonly systemId: string; readonly boundary: WalPosition }
  | { readonly kind: 'failed'; readonly code: string; readonly why: string };

export type Stopped =
  | { readonly kind: 'done'; readonly final: WalPosition | null }
  | { readonly kind: 'failed'; readonly code: string; readonly why: string };

/** How many proxies answered, and how many sessions they carry across. */
export type Parked = { readonly proxies: number; readonly sessions: number };

/** `open`: the rules in place let ordinary clients in. */
export type Look = { readonly state: ServerState; readonly open: boolean };

/** What another agent says of itself, and when it was asked is the asker's business. */
export type StatusReply = Omit<PeerStatus, 'askedAtMs' | 'heardAtMs'>;

/** The rule of PROTOCOL P6 by which a record changes. */
export type Rule = Extract<Action, { kind: 'change' }>['rule'] | 'T0' | 'renew';

type AskTable = {
  // The store.
  'read-store': { readonly body: { readonly budgetMs: number }; readonly answer: StoreRead };
  'change-record': {
    /** `expected` null: creation (T0). The record carries the nonce; sent again, it is sent unaltered. `rule` is for those who watch. */
    readonly body: {
      readonly rule: Rule;
      readonly record: LeaderRecord;
      readonly expected: bigint | null;
      readonly history: HistoryEntry | null;
      readonly budgetMs: number;
    };
    readonly answer: ChangeAnswer;
  };
  'show-operation': { readonly body: { readonly operation: OperationRecord; readonly budgetMs: number }; readonly answer: boolean };
  /** The leased key that lets one node at a time run initdb. */
  'take-turn': { readonly body: { readonly member: MemberId }; readonly answer: Outcome };
  /** Proxies that take their sessions along: first the word that a move is coming, then the wish that clients be parked. Nothing depends on the answer. */
  'park-clients': {
    readonly body: { readonly operation: OperationRecord; readonly phase: 'announce' | 'park'; readonly deadlineMs: number };
    readonly answer: Parked;
  };
  // This node's own disk and luck.
  'save-file': { readonly body: { readonly file: NodeFile }; readonly answer: Outcome };
  'draw-incarnation': { readonly body: object; readonly answer: Incarnation };
  // Other agents.
  'ask-status': {
    readonly body: { readonly name: NodeName; readonly url: string; readonly timeoutMs: number; readonly fresh: boolean };
    readonly answer: StatusReply | null;
  };
  'ask-promise': {
    readonly body: { readonly name: NodeName; readonly url: string; readonly question: PromiseQuestion; readonly timeoutMs: number };
    readonly answer: PromiseReply;
  };
  'say-down': {
    readonly body: {
      readonly name: NodeName;
      readonly url: string;
      readonly epoch: Epoch;
      readonly holder: MemberId;
      readonly why: 'down' | 'sick';
      readonly timeoutMs: number;
    };
    readonly answer: boolean;
  };
  /** True: the leader does not count on this incarnation, and never will again (P7.8). */
  'ask-leave': {
    readonly body: { readonly name: NodeName; readonly url: string; readonly member: MemberId; readonly timeoutMs: number };
    readonly answer: boolean;
  };
  /** Does that PostgreSQL answer, asked past its agent? */
  probe: { readonly body: { readonly host: string; readonly port: number; readonly deadlineMs: number }; readonly answer: boolean };
  // The local PostgreSQL and its guard (agent/postgres/port.ts says what each does).
  look: { readonly body: { readonly deadlineMs: number }; readonly answer: Look };
  /** A tiny commit of our own, durable here; an earlier one that still hangs is waited for instead of a second one. */
  stroke: { readonly body: { readonly deadlineMs: number }; readonly answer: Outcome };
  /** A new session. `full`: the server says that it has no room, so it lives. */
  knock: { readonly body: { readonly deadlineMs: number }; readonly answer: 'answered' | 'full' | 'silent' };
  /** A write and fsync on the disk of the data directory; false: it did not end in time. */
  'probe-disk': { readonly body: { readonly deadlineMs: number }; readonly answer: boolean };
  'feed-guard': { readonly body: { readonly epoch: Epoch; readonly untilMs: number }; readonly answer: Outcome };
  initialize: { readonly body: { readonly member: MemberId }; readonly answer: Made };
  adopt: { readonly body: { readonly member: MemberId }; readonly answer: Made };
  discard: { readonly body: object; readonly answer: Outcome };
  clone: { readonly body: { readonly source: Follow; readonly member: MemberId; readonly systemId: string }; readonly answer: Outcome };
  rewind: {
    readonly body: { readonly source: Follow; readonly member: MemberId; readonly fork: WalPosition | null };
    readonly answer: Outcome;
  };
  start: { readonly body: { readonly as: StartAs }; readonly answer: Outcome };
  'stop-fast': { readonly body: { readonly deadlineMs: number }; readonly answer: Stopped };
  kill: { readonly body: { readonly deadlineMs: number }; readonly answer: Outcome };
  follow: { readonly body: { readonly target: Follow }; readonly answer: Outcome };
  revoke: { readonly body: object; readonly answer: Outcome };
  'write-sync': { readonly body: { readonly setting: SyncSetting }; readonly answer: Outcome };
  'prove-sync': { readonly body: { readonly setting: SyncSetting; readonly deadlineMs: number }; readonly answer: Outcome };
  promote: {
    readonly body: { readonly epoch: Epoch; readonly timeline: TimelineId; readonly noProgressMs: number };
    readonly answer: Outcome;
  };
  'set-open': { readonly body: { readonly open: boolean }; readonly answer: Outcome };
  checkpoint: { readonly body: { readonly deadlineMs: number }; readonly answer: Outcome };
  'keep-slots': { readonly body: { readonly slots: readonly string[] }; readonly answer: Outcome };
};

export type AskKind = keyof AskTable;
export type AskOf<Kind extends AskKind> = { readonly kind: Kind } & AskTable[Kind]['body'];
export type AnswerTo<Kind extends AskKind> = AskTable[Kind]['answer'];
export type Ask = { [Kind in AskKind]: AskOf<Kind> }[AskKind];
export type Answer = AskTable[AskKind]['answer'];

/** The name under which tests and the simulator let an ask fail, be late, or be the last thing its agent ever did. */
export function failpointOf(ask: Ask): string {
  return ask.kind === 'change-record' ? `change-record/${ask.rule}` : ask.kind;
}
