/**
 * The machine's questions and changes, carried to the store and back: records become text on the way out, text that nobody can read is left out on
 * the way in. It decides nothing and remembers nothing.
 */
import { randomBytes } from 'node:crypto';
import {
  ABSENT,
  type Change,
  type ChangeOutcome,
  type Dcs,
  type Hint,
  type KeyValue,
  type ModRevision,
  type Put,
} from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import {
  decodeHistoryEntry,
  decodeLeader,
  decodeNode,
  decodeOperation,
  encodeHistoryEntry,
  encodeLeader,
  encodeOperation,
} from '../../shared/dcs/records.ts';
import { wallClockIso } from '../../shared/runtime/clock.ts';
import type { AnswerTo, AskOf, StoreItem } from '../machine/asks.ts';
import type { Event } from '../machine/events.ts';
import type { Outcome } from '../postgres/port.ts';

const TURN_LEASE_SECONDS = 10;
const TURN_BUDGET_MS = 1_000;

export class StoreAsks {
  readonly #dcs: Dcs;
  readonly #keys: Keys;
  #isOpen: boolean;

  /** `isOpen` false: nothing of the store is believed, and nothing written, until `open` is called. */
  constructor(dcs: Dcs, keys: Keys, isOpen: boolean) {
    this.#dcs = dcs;
    this.#keys = keys;
    this.#isOpen = isOpen;
  }

  open(): void {
    this.#isOpen = true;
  }

  async read({ budgetMs }: AskOf<'read-store'>, signal: AbortSignal): Promise<AnswerTo<'read-store'>> {
    if (!this.#isOpen) return { kind: 'unavailable', why: 'it is not known yet whether another agent lives under this name' };
    const { leader, history, nodes, operation } = this.#keys;
    const outcome = await this.#dcs.read([leader, history, nodes, operation], { budgetMs, signal });
    if (outcome.kind === 'unavailable') return outcome;
    const { clusterId, revision } = outcome.header;
    return { kind: 'read', clusterId, revision, items: this.#itemsOf(outcome.records) };
  }

  async change(ask: AskOf<'change-record'>, signal: AbortSignal): Promise<AnswerTo<'change-record'>> {
    const { record, expected, history, budgetMs } = ask;
    const also: readonly Put[] =
      history === null
        ? []
        : [{ key: this.#keys.historyEntry(history.epoch), value: encodeHistoryEntry({ ...history, at: wallClockIso() }) }];
    const change: Change = {
      key: this.#keys.leader,
      // A revision that was read from this very store.
      expected: expected === null ? ABSENT : (expected as ModRevision),
      value: encodeLeader(record),
      nonce: record.nonce,
      also,
    };
    return this.#answerOf(await this.#dcs.change(change, { budgetMs, signal }));
  }

  async show({ operation, budgetMs }: AskOf<'show-operation'>, signal: AbortSignal): Promise<boolean> {
    return this.#dcs.put({ key: this.#keys.operation, value: encodeOperation(operation) }, { budgetMs, signal });
  }

  async takeTurn({ member }: AskOf<'take-turn'>, signal: AbortSignal): Promise<Outcome> {
    const options = { budgetMs: TURN_BUDGET_MS, signal };
    const lease = await this.#dcs.grantLease(TURN_LEASE_SECONDS, options);
    if (lease === null) return { kind: 'failed', code: 'PGB-1201', why: 'etcd did not grant a lease' };
    const nonce = randomBytes(9).toString('base64url');
    const outcome = await this.#dcs.change(
      { key: this.#keys.bootstrap, expected: ABSENT, value: JSON.stringify({ member, nonce }), nonce, lease },
      options,
    );
    return outcome.kind === 'committed'
      ? { kind: 'done' }
      : { kind: 'failed', code: 'PGB-1404', why: 'another node is creating the cluster' };
  }

  /** Null: nothing that the machine would want to know. */
  eventOf(hint: Hint): Event | null {
    if (!this.#isOpen) return null;
    switch (hint.kind) {
      case 'snapshot':
        return { kind: 'shown', items: this.#itemsOf(hint.records) };
      case 'put':
        return { kind: 'shown', items: this.#itemsOf([hint.record]) };
      case 'deleted':
        if (hint.key === this.#keys.leader) return { kind: 'shown-deleted', what: 'leader' };
        return hint.key === this.#keys.operation ? { kind: 'shown-deleted', what: 'operation' } : null;
      case 'lost':
        return null;
    }
  }

  #answerOf(outcome: ChangeOutcome): AnswerTo<'change-record'> {
    switch (outcome.kind) {
      case 'committed':
        return { kind: 'committed', modRevision: outcome.modRevision };
      case 'rejected':
      case 'superseded':
        return { kind: 'lost', why: outcome.kind, current: outcome.current === null ? null : (this.#itemOf(outcome.current) ?? null) };
      case 'refused':
      case 'unknown':
        return outcome;
    }
  }

  #itemsOf(records: readonly KeyValue[]): readonly StoreItem[] {
    return records.flatMap((record) => this.#itemOf(record) ?? []);
  }

  #itemOf({ key, value, modRevision }: KeyValue): StoreItem | undefined {
    if (key === this.#keys.leader) {
      const decoded = decodeLeader(value);
      return decoded.kind === 'ok'
        ? { kind: 'leader', record: decoded.value, modRevision }
        : { kind: 'unreadable-leader', why: decoded.why };
    }
    if (key.startsWith(this.#keys.history)) {
      const decoded = decodeHistoryEntry(value);
      return decoded.kind === 'ok' ? { kind: 'history', entry: decoded.value } : undefined;
    }
    if (key.startsWith(this.#keys.nodes)) {
      const decoded = decodeNode(value);
      return decoded.kind === 'ok' ? { kind: 'node', node: decoded.value } : undefined;
    }
    if (key !== this.#keys.operation) return undefined;
    const decoded = decodeOperation(value);
    return decoded.kind === 'ok' ? { kind: 'operation', operation: decoded.value, modRevision } : undefined;
  }
}
