/**
 * What this node knows of the store, and its one change on the way (PROTOCOL P3). A watch makes it quick, a linearizable read every half renewal
 * makes it true; neither decides anything (S5). It must never report a change as done, or as not done, without a definite answer (S3), and must
 * believe nothing of a store that has gone back (S6).
 */
import { assert } from '../../shared/assert.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord, RecordMark } from '../../shared/domain/leader-record.ts';
import { nameOf, type NodeName } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { StoreFacts } from '../core/facts.ts';
import { isOlder } from '../../shared/domain/leader-record.ts';
import type { ChangeAnswer, Rule, StoreItem, StoreRead } from './asks.ts';
import type { Outbox } from './outbox.ts';
import type { KnownAtSend, StoreTrust } from './store-trust.ts';

export type Settled = { readonly kind: 'committed'; readonly record: LeaderRecord } | { readonly kind: 'lost'; readonly why: string };

type InFlight = {
  readonly rule: Rule;
  readonly record: LeaderRecord;
  readonly expected: bigint | null;
  readonly history: HistoryEntry | null;
  /** Before the first copy was sent: the lease counts from here, whichever copy commits. */
  readonly sentAtMs: number;
  readonly settle: (settled: Settled) => void;
  /** Null while a copy is on its way; else when the identical change is sent again. */
  resendAtMs: number | null;
  /** It was meant for a store that has been replaced: whatever the answer, it is over. */
  isVoid: boolean;
};

type View = StoreFacts['view'];

const RESEND_MS = 20;
/** One read may have been under way while this process stood still. */
const READS_TO_BE_SURE = 2;

export class StoreView {
  readonly #outbox: Outbox;
  readonly #policy: Policy;
  readonly #salt: string;
  readonly #startedAtMs: number;
  readonly #trust: StoreTrust;
  readonly #nodes = new Map<NodeName, NodeRecord>();
  #history: readonly HistoryEntry[] = [];
  #view: View = { kind: 'unknown' };
  #operation: OperationRecord | null = null;
  #operationRevision: bigint | null = null;
  #lastReadAtMs: number | null = null;
  #unbrokenSinceMs: number | null = null;
  #renewedAtMs: number | null = null;
  #renewedSinceStart = false;
  #inFlight: InFlight | null = null;
  #proposals = 0;
  #changes = 0;
  #nextReadAtMs = 0;
  #reading = false;
  #waitingForRead: (() => void)[] = [];
  #failedReads = 0;
  #unavailable = 'no answer yet';
  #refused: string | null = null;

  /** `salt`: text that no other life of any agent uses; it makes the nonces unique. */
  constructor(parts: {
    readonly outbox: Outbox;
    readonly policy: Policy;
    readonly salt: string;
    readonly trust: StoreTrust;
    /** Where the others were last seen: enough to ask them how they are while etcd is away. */
    readonly nodes: readonly NodeRecord[];
    readonly startedAtMs: number;
  }) {
    this.#outbox = parts.outbox;
    this.#policy = parts.policy;
    this.#salt = parts.salt;
    this.#trust = parts.trust;
    for (const node of parts.nodes) this.#nodes.set(nameOf(node.member), node);
    this.#startedAtMs = parts.startedAtMs;
  }

  facts(): StoreFacts {
    return {
      view: this.#view,
      lastReadAtMs: this.#lastReadAtMs,
      unbrokenSinceMs: this.#unbrokenSinceMs,
      renewedSinceStart: this.#renewedSinceStart,
      renewedAtMs: this.#renewedAtMs,
      regressed: this.#trust.regressed,
      history: this.#history,
      nodes: this.#nodes,
      operation: this.#operation,
      changeInFlight: this.#inFlight === null ? 'none' : this.#inFlight.rule === 'renew' ? 'renewal' : 'change',
    };
  }

  get record(): LeaderRecord | null {
    return this.#view.kind === 'present' ? this.#view.record : null;
  }

  /** What the record becomes if the change on its way commits. */
  get proposed(): LeaderRecord | null {
    return this.#inFlight?.record ?? null;
  }

  /** Which store this is, as far as it is trusted; for the node file. */
  get identity(): StoreTrust['identity'] {
    return this.#trust.identity;
  }

  /** Rises with everything that the node file remembers, the revision aside: which store this is, which repair it went by, and where the others are. */
  get changes(): number {
    return this.#changes;
  }

  /** May this node say there where it can be found? */
  get mayAnnounce(): boolean {
    return this.#trust.isWiped || (this.#trust.regressed === null && this.#lastReadAtMs !== null);
  }

  /** How often a repaired store has taken the place of the one before: whatever was written to that one has to be written again. */
  get repairs(): number {
    return this.#trust.repairs;
  }

  /** A peer has acted on a record: it was in the store. When we do not know it yet, a read tells whether it still is (S6). */
  noteActedOn(mark: RecordMark): void {
    const { newest } = this.#trust;
    this.#trust.noteHeard(mark);
    if (newest === null || isOlder(newest, mark)) this.readSoon();
  }

  get operationRevision(): bigint | null {
    return this.#operationRevision;
  }

  /** For operators: what stands between this node and the store; null: nothing that has lasted. */
  trouble(): { readonly code: 'PGB-1201' | 'PGB-1202'; readonly why: string } | null {
    const silentMs = this.#outbox.nowMs - (this.#lastReadAtMs ?? this.#startedAtMs);
    // An agent that was itself frozen has not heard the store for as long either; that is not the store's fault.
    const tried = this.#failedReads >= READS_TO_BE_SURE || this.#lastReadAtMs === null;
    if (tried && silentMs > this.#policy.ttlMs / 2)
      return { code: isRefusal(this.#unavailable) ? 'PGB-1202' : 'PGB-1201', why: this.#unavailable };
    return this.#refused === null ? null : { code: 'PGB-1202', why: this.#refused };
  }

  /** What falls due without any news: the next read, the next copy of an unsettled change. */
  run(): void {
    if (!this.#reading && this.#outbox.reached(this.#nextReadAtMs)) this.#read();
    const { resendAtMs } = this.#inFlight ?? { resendAtMs: null };
    // In another store the compared revision would mean something else.
    if (this.#trust.regressed !== null) return;
    if (this.#inFlight !== null && resendAtMs !== null && this.#outbox.reached(resendAtMs)) this.#send(this.#inFlight);
  }

  /** Asks for a read now instead of at the next beat. */
  readSoon(): void {
    this.#nextReadAtMs = this.#outbox.nowMs;
  }

  /** `then` runs after a read that began at or after this call, whatever it said. */
  readThen(then: () => void): void {
    this.#waitingForRead.push(then);
    this.readSoon();
  }

  /** One change of the leader record (S1, S2). `settle` is told once the outcome is definite (S3). */
  propose(change: {
    readonly rule: Rule;
    readonly record: LeaderRecord;
    readonly expected: bigint | null;
    readonly history: HistoryEntry | null;
    readonly settle: (settled: Settled) => void;
  }): void {
    assert(this.#inFlight === null, 'one change in flight (S2)');
    this.#proposals += 1;
    const record = { ...change.record, nonce: `${this.#salt}-${String(this.#proposals)}` };
    const inFlight: InFlight = { ...change, record, sentAtMs: this.#outbox.nowMs, resendAtMs: null, isVoid: false };
    this.#inFlight = inFlight;
    this.#send(inFlight);
  }

  show(items: readonly StoreItem[]): void {
    // Before the first read it is not known whether this is the store that this node knows.
    if (this.#lastReadAtMs === null) return;
    for (const item of items) this.#learn(item);
  }

  showDeleted(what: 'leader' | 'operation'): void {
    if (what === 'operation') this.#operation = null;
    // Whether it is really gone only a read can tell.
    else this.readSoon();
  }

  #read(): void {
    const sentAtMs = this.#outbox.nowMs;
    const known = this.#trust.known();
    const waiting = this.#waitingForRead;
    this.#waitingForRead = [];
    this.#reading = true;
    this.#nextReadAtMs = sentAtMs + this.#policy.renewMs / 2;
    this.#outbox.ask<'read-store'>({ kind: 'read-store', budgetMs: this.#policy.ttlMs / 5 }, (read) => {
      this.#reading = false;
      this.#onRead(read, sentAtMs, known);
      for (const then of waiting) then();
    });
  }

  #onRead(read: StoreRead, sentAtMs: number, known: KnownAtSend): void {
    if (read.kind === 'unavailable') {
      this.#unavailable = read.why;
      this.#failedReads += 1;
      return;
    }
    this.#failedReads = 0;
    const { honoured } = this.#trust.identity;
    const { isTrusted, isRepaired } = this.#trust.judge(read, known);
    if (!isTrusted) return;
    if (this.#trust.identity.honoured !== honoured) this.#changes += 1;
    if (isRepaired) this.#forget();
    const isUnbroken = this.#lastReadAtMs !== null && this.#outbox.nowMs - this.#lastReadAtMs <= this.#policy.ttlMs / 4;
    this.#unbrokenSinceMs = isUnbroken ? (this.#unbrokenSinceMs ?? sentAtMs) : sentAtMs;
    this.#lastReadAtMs = sentAtMs;
    const isAbsent = !read.items.some(({ kind }) => kind === 'leader' || kind === 'unreadable-leader');
    // Answered before the create that has been seen meanwhile, the absence is of the past.
    if (isAbsent && this.#view.kind !== 'present') this.#view = { kind: 'absent', readAtMs: sentAtMs };
    for (const item of read.items) this.#learn(item);
  }

  /** Revisions of the store before mean nothing in this one. */
  #forget(): void {
    this.#changes += 1;
    this.#nodes.clear();
    this.#view = { kind: 'unknown' };
    this.#history = [];
    this.#operation = null;
    this.#operationRevision = null;
    this.#lastReadAtMs = null;
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    inFlight.isVoid = true;
    // A copy that is on its way is waited for (S2).
    if (inFlight.resendAtMs !== null) this.#settle(inFlight, { kind: 'lost', why: 'superseded' });
  }

  #learn(item: StoreItem): void {
    if (this.#trust.regressed !== null) return;
    switch (item.kind) {
      case 'leader':
        this.#apply(item.record, item.modRevision);
        return;
      case 'unreadable-leader':
        this.#trust.noteUnreadable(item.why);
        this.readSoon();
        return;
      case 'history':
        this.#noteHistory(item.entry);
        return;
      case 'node':
        this.#noteNode(item.node);
        return;
      case 'operation':
        if (this.#operationRevision !== null && this.#operationRevision >= item.modRevision) return;
        this.#operation = item.operation;
        this.#operationRevision = item.modRevision;
    }
  }

  #noteNode(node: NodeRecord): void {
    const known = this.#nodes.get(nameOf(node.member));
    if (known !== undefined && isSameNode(known, node)) return;
    this.#nodes.set(nameOf(node.member), node);
    this.#changes += 1;
  }

  #noteHistory(entry: HistoryEntry): void {
    const known = this.#history.find(({ epoch }) => epoch === entry.epoch);
    if (known?.holder === entry.holder && known.timeline === entry.timeline) return;
    // An entry is written once. Two of one epoch means that the store went back between them, unnoticed because the new claim came at once; only the
    // later one is in it, and with the other in our memory we would wait for the history of the epoch for ever (simulator seed 61606).
    this.#history = [...this.#history.filter((one) => one !== known), entry];
  }

  #apply(record: LeaderRecord, modRevision: bigint): void {
    if (this.#view.kind === 'present' && this.#view.modRevision >= modRevision) return;
    // An older record under a newer revision is the past, or a store that has gone back; a read will tell which.
    const { newest } = this.#trust;
    if (newest !== null && isOlder(record, newest)) return;
    this.#trust.noteSeen(record, modRevision);
    this.#view = { kind: 'present', record, modRevision, firstSeenAtMs: this.#outbox.nowMs };
    this.#settleIfOvertaken();
  }

  #send(inFlight: InFlight): void {
    const { rule, record, expected, history } = inFlight;
    inFlight.resendAtMs = null;
    const ask = { kind: 'change-record', rule, record, expected, history, budgetMs: 2 * this.#policy.etcdCallMs } as const;
    this.#outbox.ask<'change-record'>(ask, (answer) => {
      if (this.#inFlight !== inFlight) return;
      if (inFlight.isVoid) this.#settle(inFlight, { kind: 'lost', why: 'superseded' });
      else this.#onAnswer(inFlight, answer);
    });
  }

  #onAnswer(inFlight: InFlight, answer: ChangeAnswer): void {
    switch (answer.kind) {
      case 'committed':
        this.#committed(inFlight, answer.modRevision);
        return;
      case 'lost':
        // The present record first: whoever is told of the loss decides by it.
        if (answer.current !== null) this.#learn(answer.current);
        // Lost against something that is no news: before anything is proposed again, a read tells whether this is still the same store.
        if (this.#view.kind === 'present' && this.#view.modRevision === inFlight.expected)
          this.readThen(() => this.#settle(inFlight, { kind: 'lost', why: answer.why }));
        else this.#settle(inFlight, { kind: 'lost', why: answer.why });
        return;
      case 'refused':
        this.#refused = answer.why;
        this.#settle(inFlight, { kind: 'lost', why: answer.why });
        return;
      case 'unknown':
        inFlight.resendAtMs = this.#outbox.nowMs + RESEND_MS;
        this.#settleIfOvertaken();
    }
  }

  /** The compared revision is gone: no copy of ours can commit any more, and had one done so, its nonce would have been seen (S3). */
  #settleIfOvertaken(): void {
    const inFlight = this.#inFlight;
    if (inFlight === null || inFlight.isVoid || inFlight.resendAtMs === null || this.#view.kind !== 'present') return;
    const { record, modRevision } = this.#view;
    if (inFlight.expected !== null && modRevision <= inFlight.expected) return;
    if (record.nonce === inFlight.record.nonce) this.#committed(inFlight, modRevision);
    else this.#settle(inFlight, { kind: 'lost', why: 'superseded' });
  }

  #committed(inFlight: InFlight, modRevision: bigint): void {
    this.#refused = null;
    this.#renewedAtMs = inFlight.sentAtMs;
    this.#renewedSinceStart = true;
    if (inFlight.history !== null) this.#noteHistory(inFlight.history);
    this.#inFlight = null;
    this.#apply(inFlight.record, modRevision);
    inFlight.settle({ kind: 'committed', record: inFlight.record });
  }

  #settle(inFlight: InFlight, settled: Settled): void {
    if (this.#inFlight !== inFlight) return;
    this.#inFlight = null;
    inFlight.settle(settled);
  }
}

function isSameNode(one: NodeRecord, other: NodeRecord): boolean {
  return (Object.keys(one) as (keyof NodeRecord)[]).every((key) => one[key] === other[key]);
}

/** etcd's own words about a login or a permission; its "no leader" and "timed out" are silence. */
function isRefusal(why: string): boolean {
  return /permission denied|authentication|invalid auth|user name is empty/i.test(why);
}
