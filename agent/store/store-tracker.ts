/**
 * Keeps what this node knows of the store, and sends its changes. A watch makes it quick, a linearizable read every half renewal makes it
 * true; neither decides anything (S5). It must never report a change as done, or as not done, without a definite answer (S3).
 */
import { randomBytes } from 'node:crypto';
import type { Dcs, Expected, Header, Hint, KeyValue, ModRevision } from '../../shared/dcs/dcs.ts';
import { ABSENT } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import {
  decodeHistoryEntry,
  decodeLeader,
  decodeNode,
  decodeOperation,
  encodeHistoryEntry,
  encodeLeader,
} from '../../shared/dcs/records.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, type NodeName } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import { monotonicMs, wallClockIso } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { StoreFacts } from '../core/facts.ts';

export type Settled =
  | { readonly kind: 'committed'; readonly record: LeaderRecord; readonly sentAtMs: number }
  | { readonly kind: 'lost'; readonly why: string }
  /** Only at shutdown: it may still commit. */
  | { readonly kind: 'unknown' };

type View = StoreFacts['view'];

/** One read may have been under way while this process stood still. */
const READS_TO_BE_SURE = 2;

export class StoreTracker {
  readonly #dcs: Dcs;
  readonly #keys: Keys;
  readonly #policy: Policy;
  readonly #onChange: () => void;
  readonly #signal: AbortSignal;
  #view: View = { kind: 'unknown' };
  #history: readonly HistoryEntry[] = [];
  readonly #nodes = new Map<NodeName, NodeRecord>();
  #operation: OperationRecord | null = null;
  #operationRevision: ModRevision | null = null;
  #lastReadAtMs: number | null = null;
  #unbrokenSinceMs: number | null = null;
  #renewedAtMs: number | null = null;
  #renewedSinceStart = false;
  #regressed: string | null = null;
  #inFlight: StoreFacts['changeInFlight'] = 'none';
  readonly #startedAtMs = monotonicMs();
  #unavailable = 'no answer yet';
  /** In a row. */
  #failedReads = 0;
  #refused: string | null = null;
  #identity: { clusterId: string | null; revision: bigint };
  #readWanted: (() => void) | null = null;

  constructor(options: {
    readonly dcs: Dcs;
    readonly keys: Keys;
    readonly policy: Policy;
    readonly identity: { readonly clusterId: string | null; readonly revision: bigint };
    readonly onChange: () => void;
    readonly signal: AbortSignal;
  }) {
    this.#dcs = options.dcs;
    this.#keys = options.keys;
    this.#policy = options.policy;
    this.#identity = { ...options.identity };
    this.#onChange = options.onChange;
    this.#signal = options.signal;
  }

  /** Runs until the signal aborts. */
  async run(): Promise<void> {
    const subscription = this.#dcs.watch(this.#keys.prefix, (hint) => {
      this.#onHint(hint);
    });
    try {
      while (!this.#signal.aborted) {
        await this.#readOnce();
        await this.#pause(this.#policy.renewMs / 2);
      }
    } finally {
      subscription.close();
    }
  }

  /** Asks for a linearizable read now instead of at the next beat. */
  readSoon(): void {
    this.#readWanted?.();
  }

  /** One linearizable read now; the facts are as fresh as they can be when it resolves. */
  async readNow(): Promise<void> {
    await this.#readOnce();
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
      changeInFlight: this.#inFlight,
    };
  }

  identity(): { readonly clusterId: string | null; readonly revision: bigint } {
    return this.#identity;
  }

  /** For operators: what stands between this node and the store; null: nothing that has lasted. */
  trouble(): { readonly code: 'PGB-1201' | 'PGB-1202'; readonly why: string } | null {
    const silentMs = monotonicMs() - (this.#lastReadAtMs ?? this.#startedAtMs);
    // An agent that was itself frozen has not heard the store for as long either; that is not the store's fault.
    const tried = this.#failedReads >= READS_TO_BE_SURE || this.#lastReadAtMs === null;
    if (tried && silentMs > this.#policy.ttlMs / 2)
      return { code: isRefusal(this.#unavailable) ? 'PGB-1202' : 'PGB-1201', why: this.#unavailable };
    return this.#refused === null ? null : { code: 'PGB-1202', why: this.#refused };
  }

  operationRevision(): Expected {
    return this.#operationRevision ?? ABSENT;
  }

  /** One change of the leader record (S1, S2); returns when its outcome is definite. */
  async propose(next: LeaderRecord, expected: bigint | null, history: HistoryEntry | null, what: 'renewal' | 'change'): Promise<Settled> {
    this.#inFlight = what;
    const nonce = randomBytes(9).toString('base64url');
    const record: LeaderRecord = { ...next, nonce };
    const also =
      history === null
        ? []
        : [{ key: this.#keys.historyEntry(history.epoch), value: encodeHistoryEntry({ ...history, at: wallClockIso() }) }];
    const change = {
      key: this.#keys.leader,
      expected: expected === null ? ABSENT : (expected as ModRevision),
      value: encodeLeader(record),
      nonce,
      also,
    } as const;
    // The lease counts from the moment before the first copy was sent, whichever copy commits.
    const sentAtMs = monotonicMs();
    try {
      for (;;) {
        const outcome = await this.#dcs.change(change, { budgetMs: 2 * this.#policy.etcdCallMs, signal: this.#signal });
        switch (outcome.kind) {
          case 'committed':
            this.#refused = null;
            this.#renewedAtMs = sentAtMs;
            this.#renewedSinceStart = true;
            this.#apply(record, outcome.modRevision);
            if (history !== null) this.#history = [...this.#history.filter((entry) => entry.epoch !== history.epoch), history];
            return { kind: 'committed', record, sentAtMs };
          case 'rejected':
          case 'superseded':
            if (outcome.current !== null) this.#onRecord(outcome.current);
            return { kind: 'lost', why: outcome.kind };
          case 'refused':
            this.#refused = outcome.why;
            return { kind: 'lost', why: outcome.why };
          case 'unknown':
            if (this.#signal.aborted) return { kind: 'unknown' };
            // The compared revision is gone: no copy of ours can commit any more, and the watch would have shown our nonce (S3).
            if (this.#movedPast(expected))
              return this.#view.kind === 'present' && this.#view.record.nonce === nonce
                ? { kind: 'committed', record, sentAtMs }
                : { kind: 'lost', why: 'superseded' };
            await sleep(20, this.#signal);
        }
      }
    } finally {
      this.#inFlight = 'none';
      this.#onChange();
    }
  }

  #movedPast(expected: bigint | null): boolean {
    return this.#view.kind === 'present' && (expected === null || this.#view.modRevision > expected);
  }

  async #readOnce(): Promise<void> {
    const { leader, history, nodes, operation } = this.#keys;
    const sentAtMs = monotonicMs();
    // Two reads may be answered out of order; only an answer below what was known when it was *asked* is a store that went back.
    const knownAtSend = this.#identity.revision;
    const outcome = await this.#dcs.read([leader, history, nodes, operation], { budgetMs: this.#policy.ttlMs / 5, signal: this.#signal });
    if (outcome.kind === 'unavailable') {
      this.#unavailable = outcome.why;
      this.#failedReads += 1;
      return;
    }
    this.#failedReads = 0;
    this.#noteHeader(outcome.header, knownAtSend);
    const unbroken = this.#lastReadAtMs !== null && monotonicMs() - this.#lastReadAtMs <= this.#policy.ttlMs / 4;
    this.#unbrokenSinceMs = unbroken ? (this.#unbrokenSinceMs ?? sentAtMs) : sentAtMs;
    this.#lastReadAtMs = sentAtMs;
    if (!outcome.records.some((record) => record.key === leader)) this.#noteAbsence(sentAtMs, outcome.header.revision);
    for (const record of outcome.records) this.#onRecord(record);
    this.#onChange();
  }

  #noteAbsence(readAtMs: number, revision: bigint): void {
    // Answered before the create that we have seen meanwhile.
    if (this.#view.kind === 'present' && revision < this.#view.modRevision) return;
    if (this.#view.kind === 'present') {
      this.#regressed = 'the leader record was deleted from the store: nobody may create another one';
      return;
    }
    this.#view = { kind: 'absent', readAtMs };
  }

  /** S6: another cluster id, or a revision below one already seen by a linearizable read, is a store that went back. */
  #noteHeader(header: Header, knownAtSend: bigint): void {
    const known = this.#identity;
    if (known.clusterId !== null && known.clusterId !== header.clusterId) {
      this.#regressed = `etcd cluster ${header.clusterId} is not the one this node knows (${known.clusterId})`;
    } else if (header.revision < knownAtSend) {
      this.#regressed = `etcd went back from revision ${known.revision.toString()} to ${header.revision.toString()}: restored or wiped`;
    } else {
      this.#identity = { clusterId: header.clusterId, revision: header.revision > known.revision ? header.revision : known.revision };
    }
  }

  #onHint(hint: Hint): void {
    switch (hint.kind) {
      case 'snapshot':
        for (const record of hint.records) this.#onRecord(record);
        break;
      case 'put':
        this.#onRecord(hint.record);
        break;
      case 'deleted':
        if (hint.key === this.#keys.leader) this.readSoon();
        if (hint.key === this.#keys.operation) this.#operation = null;
        break;
      case 'lost':
        return;
    }
    this.#onChange();
  }

  #onRecord({ key, value, modRevision }: KeyValue): void {
    if (key === this.#keys.leader) this.#onLeader(value, modRevision);
    else if (key.startsWith(this.#keys.history)) this.#onHistory(value);
    else if (key.startsWith(this.#keys.nodes)) this.#onNode(value);
    else if (key === this.#keys.operation) this.#onOperation(value, modRevision);
  }

  #onLeader(value: string, modRevision: ModRevision): void {
    const decoded = decodeLeader(value);
    if (decoded.kind === 'ok') this.#apply(decoded.value, modRevision);
    else this.#regressed = `PGB-1204 the leader record cannot be read: ${decoded.why}`;
  }

  #apply(record: LeaderRecord, modRevision: bigint): void {
    if (this.#view.kind === 'present' && this.#view.modRevision >= modRevision) return;
    this.#view = { kind: 'present', record, modRevision, firstSeenAtMs: monotonicMs() };
    this.#onChange();
  }

  #onHistory(value: string): void {
    const decoded = decodeHistoryEntry(value);
    if (decoded.kind !== 'ok') return;
    this.#history = [...this.#history.filter((entry) => entry.epoch !== decoded.value.epoch), decoded.value];
  }

  #onNode(value: string): void {
    const decoded = decodeNode(value);
    if (decoded.kind === 'ok') this.#nodes.set(nameOf(decoded.value.member), decoded.value);
  }

  #onOperation(value: string, modRevision: ModRevision): void {
    if (this.#operationRevision !== null && this.#operationRevision >= modRevision) return;
    const decoded = decodeOperation(value);
    if (decoded.kind !== 'ok') return;
    this.#operation = decoded.value;
    this.#operationRevision = modRevision;
  }

  async #pause(ms: number): Promise<void> {
    const wanted = new AbortController();
    this.#readWanted = () => {
      wanted.abort();
    };
    await sleep(ms, AbortSignal.any([this.#signal, wanted.signal]));
    this.#readWanted = null;
  }
}

/** etcd's own words about a login or a permission; its "no leader" and "timed out" are silence. */
function isRefusal(why: string): boolean {
  return /permission denied|authentication|invalid auth|user name is empty/i.test(why);
}
