/**
 * What this node knows of the store, and its one change on the way (PROTOCOL P3). A watch makes it quick, a linearizable read every half renewal
 * makes it true; neither decides anything (S5). It must never report a change as done, or as not done, without a definite answer (S3), and must
 * believe nothing of a store that has gone back (S6).
 */
import { assert } from '../../shared/assert.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, type NodeName } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { StoreFacts } from '../core/facts.ts';
import type { ChangeAnswer, Rule, StoreItem, StoreRead } from './asks.ts';
import type { Outbox } from './outbox.ts';

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
  readonly #nodes = new Map<NodeName, NodeRecord>();
  #history: readonly HistoryEntry[] = [];
  #view: View = { kind: 'unknown' };
  #operation: OperationRecord | null = null;
  #operationRevision: bigint | null = null;
  #lastReadAtMs: number | null = null;
  #unbrokenSinceMs: number | null = null;
  #renewedAtMs: number | null = null;
  #renewedSinceStart = false;
  #regressed: string | null = null;
  #inFlight: InFlight | null = null;
  #changes = 0;
  #clusterId: string | null;
  #revision: bigint;
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
    readonly clusterId: string | null;
    readonly revision: bigint;
    readonly startedAtMs: number;
  }) {
    this.#outbox = parts.outbox;
    this.#policy = parts.policy;
    this.#salt = parts.salt;
    this.#clusterId = parts.clusterId;
    this.#revision = parts.revision;
    this.#startedAtMs = parts.startedAtMs;
  }

  facts(): StoreFacts {
    return {
      view: this.#view,
      lastReadAtMs: this.#lastReadAtMs,
      unbrokenSinceMs: this.#unbrokenSinceMs,
      renewedSinceStart: this.#renewedSinceStart,
      renewedAtMs: this.#renewedAtMs,
      regressed: this.#regressed,
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
  get identity(): { readonly clusterId: string | null; readonly revision: bigint } {
    return { clusterId: this.#clusterId, revision: this.#revision };
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
    this.#changes += 1;
    const record = { ...change.record, nonce: `${this.#salt}-${String(this.#changes)}` };
    const inFlight: InFlight = { ...change, record, sentAtMs: this.#outbox.nowMs, resendAtMs: null };
    this.#inFlight = inFlight;
    this.#send(inFlight);
  }

  show(items: readonly StoreItem[]): void {
    for (const item of items) this.#learn(item);
  }

  showDeleted(what: 'leader' | 'operation'): void {
    if (what === 'operation') this.#operation = null;
    // Whether it is really gone only a read can tell.
    else this.readSoon();
  }

  #read(): void {
    const sentAtMs = this.#outbox.nowMs;
    // Two reads may be answered out of order; only an answer below what was known when it was *asked* is a store that went back.
    const knownAtSend = this.#revision;
    const waiting = this.#waitingForRead;
    this.#waitingForRead = [];
    this.#reading = true;
    this.#nextReadAtMs = sentAtMs + this.#policy.renewMs / 2;
    this.#outbox.ask<'read-store'>({ kind: 'read-store', budgetMs: this.#policy.ttlMs / 5 }, (read) => {
      this.#reading = false;
      this.#onRead(read, sentAtMs, knownAtSend);
      for (const then of waiting) then();
    });
  }

  #onRead(read: StoreRead, sentAtMs: number, knownAtSend: bigint): void {
    if (read.kind === 'unavailable') {
      this.#unavailable = read.why;
      this.#failedReads += 1;
      return;
    }
    this.#failedReads = 0;
    this.#noteIdentity(read.clusterId, read.revision, knownAtSend);
    if (this.#regressed !== null) return;
    const isUnbroken = this.#lastReadAtMs !== null && this.#outbox.nowMs - this.#lastReadAtMs <= this.#policy.ttlMs / 4;
    this.#unbrokenSinceMs = isUnbroken ? (this.#unbrokenSinceMs ?? sentAtMs) : sentAtMs;
    this.#lastReadAtMs = sentAtMs;
    if (!read.items.some(({ kind }) => kind === 'leader' || kind === 'unreadable-leader')) this.#noteAbsence(sentAtMs, read.revision);
    for (const item of read.items) this.#learn(item);
  }

  /** S6: another cluster id, or a revision below one already seen by a linearizable read, is a store that went back. */
  #noteIdentity(clusterId: string, revision: bigint, knownAtSend: bigint): void {
    if (this.#clusterId !== null && this.#clusterId !== clusterId) {
      this.#regressed ??= `etcd cluster ${clusterId} is not the one this node knows (${this.#clusterId})`;
    } else if (revision < knownAtSend) {
      this.#regressed ??= `etcd went back from revision ${knownAtSend.toString()} to ${revision.toString()}: restored or wiped`;
    } else {
      this.#clusterId = clusterId;
      if (revision > this.#revision) this.#revision = revision;
    }
  }

  #noteAbsence(readAtMs: number, revision: bigint): void {
    if (this.#view.kind === 'present') {
      // Answered before the create that we have seen meanwhile, else deleted.
      if (revision >= this.#view.modRevision)
        this.#regressed ??= 'the leader record was deleted from the store: nobody may create another one';
      return;
    }
    this.#view = { kind: 'absent', readAtMs };
  }

  #learn(item: StoreItem): void {
    if (this.#regressed !== null) return;
    switch (item.kind) {
      case 'leader':
        this.#apply(item.record, item.modRevision);
        return;
      case 'unreadable-leader':
        this.#regressed = `PGB-1204 the leader record cannot be read: ${item.why}`;
        return;
      case 'history':
        this.#noteHistory(item.entry);
        return;
      case 'node':
        this.#nodes.set(nameOf(item.node.member), item.node);
        return;
      case 'operation':
        if (this.#operationRevision !== null && this.#operationRevision >= item.modRevision) return;
        this.#operation = item.operation;
        this.#operationRevision = item.modRevision;
    }
  }

  #noteHistory(entry: HistoryEntry): void {
    // An entry is written once and never changes.
    if (!this.#history.some(({ epoch }) => epoch === entry.epoch)) this.#history = [...this.#history, entry];
  }

  #apply(record: LeaderRecord, modRevision: bigint): void {
    if (this.#view.kind === 'present' && this.#view.modRevision >= modRevision) return;
    this.#view = { kind: 'present', record, modRevision, firstSeenAtMs: this.#outbox.nowMs };
    this.#settleIfOvertaken();
  }

  #send(inFlight: InFlight): void {
    const { rule, record, expected, history } = inFlight;
    inFlight.resendAtMs = null;
    const ask = { kind: 'change-record', rule, record, expected, history, budgetMs: 2 * this.#policy.etcdCallMs } as const;
    this.#outbox.ask<'change-record'>(ask, (answer) => {
      if (this.#inFlight === inFlight) this.#onAnswer(inFlight, answer);
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
        this.#settle(inFlight, { kind: 'lost', why: answer.why });
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
    if (inFlight === null || inFlight.resendAtMs === null || this.#view.kind !== 'present') return;
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

/** etcd's own words about a login or a permission; its "no leader" and "timed out" are silence. */
function isRefusal(why: string): boolean {
  return /permission denied|authentication|invalid auth|user name is empty/i.test(why);
}
