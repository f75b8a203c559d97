/**
 * Is this still the store that this node knows, and not an older self of it (PROTOCOL S6)? It goes by what the store says of itself, by the newest record
 * this node has seen or acted on, and by what its peers have. Only a linearizable read may convict: a watch, or a member that lags, shows the past every
 * day. Once convicted, nothing of it is believed before an operator has repaired it.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord, RecordMark } from '../../shared/domain/leader-record.ts';
import { isOlder } from '../../shared/domain/leader-record.ts';
import type { StoreItem, StoreRead } from './asks.ts';

type Conviction = { readonly why: string; readonly isOtherCluster: boolean };

type Read = Extract<StoreRead, { kind: 'read' }>;

/** What was known when a read was sent. */
export type KnownAtSend = { readonly revision: bigint; readonly mark: RecordMark | null };

export class StoreTrust {
  readonly #systemId: () => string | null;
  readonly #accepted: () => LeaderRecord | null;
  #clusterId: string | null;
  #revision: bigint;
  /** In the store, and on peers' disks. */
  #seen: RecordMark | null = null;
  #heard: RecordMark | null = null;
  #isEmpty = false;
  #conviction: Conviction | null = null;
  #unreadable: string | null = null;
  #repairs = 0;
  /** The newest repair that stood in a store while it was trusted. */
  #honoured: Epoch | null;

  /** `accepted`: the record this node last acted on, as its node file says. */
  constructor(parts: {
    readonly clusterId: string | null;
    readonly revision: bigint;
    /** In a former life of this agent, too. */
    readonly honoured: Epoch | null;
    readonly systemId: () => string | null;
    readonly accepted: () => LeaderRecord | null;
  }) {
    this.#clusterId = parts.clusterId;
    this.#revision = parts.revision;
    this.#honoured = parts.honoured;
    this.#systemId = parts.systemId;
    this.#accepted = parts.accepted;
  }

  /** Why nothing of it is believed now, with its code; null: it is. */
  get regressed(): string | null {
    return this.#conviction === null ? this.#unreadable : `PGB-1203 ${this.#conviction.why}`;
  }

  /** As far as it is trusted; for the node file. */
  get identity(): { readonly clusterId: string | null; readonly revision: bigint; readonly honoured: Epoch | null } {
    return { clusterId: this.#clusterId, revision: this.#revision, honoured: this.#honoured };
  }

  /** How often a repaired store has taken the place of the one before. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Convicted, and nothing of a cluster is left in it: a newcomer that sees nobody there would found another cluster. */
  get isWiped(): boolean {
    return this.#conviction !== null && this.#isEmpty;
  }

  /** In the store, at that revision: a later read may show neither less. */
  noteSeen({ epoch, seq }: RecordMark, modRevision: bigint): void {
    this.#seen = newer(this.#seen, { epoch, seq });
    if (modRevision > this.#revision) this.#revision = modRevision;
  }

  /** A peer has acted on that record, so it was in the store. */
  noteHeard({ epoch, seq }: RecordMark): void {
    this.#heard = newer(this.#heard, { epoch, seq });
  }

  get newest(): RecordMark | null {
    return newer(newer(this.#accepted(), this.#seen), this.#heard);
  }

  known(): KnownAtSend {
    return { revision: this.#revision, mark: this.newest };
  }

  /** For as long as the reads say the same. */
  noteUnreadable(why: string): void {
    this.#unreadable = `PGB-1204 the leader record cannot be read: ${why}`;
  }

  /** True: what was read may be believed. `isRepaired`: it is another store than the one before. */
  judge(read: Read, known: KnownAtSend): { readonly isTrusted: boolean; readonly isRepaired: boolean } {
    const leader = read.items.find((item) => item.kind === 'leader')?.record ?? null;
    const unreadable = read.items.find((item) => item.kind === 'unreadable-leader');
    this.#unreadable = null;
    this.#isEmpty = leader === null && unreadable === undefined;
    if (unreadable !== undefined) this.noteUnreadable(unreadable.why);
    const found = this.#whyOlder(read, known, leader);
    // Whoever was led to another etcd for a while may come back; a store that has gone back stays one that has.
    if (this.#conviction?.isOtherCluster === true && found === null) this.#conviction = null;
    this.#conviction ??= found;
    if (this.#conviction === null) {
      this.#adopt(read);
      return { isTrusted: this.#unreadable === null, isRepaired: false };
    }
    if (!this.#isRepaired(read, leader)) return { isTrusted: false, isRepaired: false };
    this.#conviction = null;
    this.#revision = 0n;
    this.#repairs += 1;
    this.#adopt(read);
    return { isTrusted: true, isRepaired: true };
  }

  #adopt({ clusterId, revision, items }: Read): void {
    this.#clusterId = clusterId;
    for (const { epoch } of repairsIn(items)) if (this.#honoured === null || epoch > this.#honoured) this.#honoured = epoch;
    if (revision > this.#revision) this.#revision = revision;
  }

  #whyOlder(read: Read, { revision, mark }: KnownAtSend, leader: LeaderRecord | null): Conviction | null {
    const { clusterId } = read;
    if (this.#clusterId !== null && this.#clusterId !== clusterId)
      return { why: `etcd cluster ${clusterId} is not the one this node knows (${this.#clusterId})`, isOtherCluster: true };
    // Two reads may be answered out of order: only what was known when this one was *asked* counts.
    if (read.revision < revision)
      return older(`etcd went back from revision ${revision.toString()} to ${read.revision.toString()}: restored or wiped`);
    if (mark === null || read.items.some(({ kind }) => kind === 'unreadable-leader')) return null;
    if (leader === null) return older(`the store holds no leader record, and epoch ${mark.epoch.toString()} is known: deleted or wiped`);
    if (!isOlder(leader, mark)) return null;
    return older(`the leader record went back from ${describe(mark)} to ${describe(leader)}: restored, or put there by hand`);
  }

  /** An operator has put the record back above everything seen, and said so in the history. */
  #isRepaired({ items }: Read, leader: LeaderRecord | null): boolean {
    if (leader === null) return false;
    const systemId = this.#systemId();
    if (systemId !== null && systemId !== leader.systemId) return false;
    // The repair of another time does not excuse a store that has gone back since.
    const { newest } = this;
    if (newest !== null && isOlder(leader, newest)) return false;
    const accepted = this.#accepted();
    // Nor does one that this node went by before: some would trust a store that was exchanged twice, the others not, and it could not be repaired again.
    const honoured = this.#honoured;
    return repairsIn(items).some(
      (repair) =>
        repair.epoch <= leader.epoch &&
        (honoured === null || repair.epoch > honoured) &&
        (accepted === null || repair.epoch > accepted.epoch || isOf(accepted, repair)),
    );
  }
}

function repairsIn(items: readonly StoreItem[]): readonly HistoryEntry[] {
  return items.flatMap((item) => (item.kind === 'history' && item.entry.trigger === 'repair' ? [item.entry] : []));
}

function newer(one: RecordMark | null, other: RecordMark | null): RecordMark | null {
  if (one === null || other === null) return one ?? other;
  return isOlder(one, other) ? other : one;
}

function older(why: string): Conviction {
  return { why, isOtherCluster: false };
}

/** This node acted on it already, because a watch was quicker than the read that would have told it what to think of the store. */
function isOf(accepted: LeaderRecord, { epoch, holder, timeline }: HistoryEntry): boolean {
  return accepted.epoch === epoch && accepted.holder === holder && accepted.timeline === timeline;
}

function describe({ epoch, seq }: RecordMark): string {
  return `${epoch.toString()}.${String(seq)}`;
}
