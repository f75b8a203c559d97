/**
 * The one mutable picture of this node that the loop turns into facts. Jobs and messages write into it, decisions only ever see the
 * immutable `Facts` it produces. It must never hold anything that has to survive a crash: that is the node file.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { MemberSet } from '../../shared/domain/member-set.ts';
import { memberId, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import type { WalPosition } from '../../shared/domain/wal-position.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import type { JobKind } from '../core/actions.ts';
import type { Facts, HolderSigns, InForce, PeerStatus, PromiseAnswer, Self } from '../core/facts.ts';
import type { Postgres, ServerState } from '../postgres/port.ts';
import type { StoreTracker } from '../store/store-tracker.ts';
import type { NodeFileKeeper } from './node-file-keeper.ts';

/** A peer that has not spoken for this long is not counted as reachable. */
const PEER_STALE_MS = 1_000;
/** A `down` or an operator's request concerns the present; it is forgotten when nothing came of it. */
const EVIDENCE_STALE_MS = 30_000;

export class Situation {
  readonly startedAtMs = monotonicMs();
  server: { state: ServerState; seenAtMs: number } = { state: { kind: 'starting' }, seenAtMs: 0 };
  down: Facts['down'] = null;
  takeover: Facts['takeover'] = null;
  downAcknowledged = new Set<MemberId>();
  job: { kind: JobKind; sinceMs: number } | null = null;
  following: Facts['following'] = null;
  inForce: InForce = { kind: 'unproven' };
  resting: MemberSet | null = null;
  handover: { operationId: string; final: WalPosition; drained: boolean } | null = null;
  promiseKept: Epoch | null = null;
  holder: HolderSigns = { member: null, heardAtMs: null, walMovedAtMs: null, probeAnsweredAtMs: null, probeFailedAtMs: null };
  awakeSinceMs = monotonicMs();
  readonly confirmations = new Map<MemberId, { readonly epoch: Epoch; readonly askedAtMs: number }>();
  readonly peers = new Map<NodeName, PeerStatus>();
  #answers: PromiseAnswer[] = [];
  readonly #failures = new Map<JobKind, { atMs: number; count: number; why: string }>();
  readonly #self: Omit<Self, 'member'>;
  readonly #file: NodeFileKeeper;
  readonly #store: StoreTracker;
  readonly #postgres: Postgres;

  constructor(parts: {
    readonly self: Omit<Self, 'member'>;
    readonly file: NodeFileKeeper;
    readonly store: StoreTracker;
    readonly postgres: Postgres;
  }) {
    this.#self = parts.self;
    this.#file = parts.file;
    this.#store = parts.store;
    this.#postgres = parts.postgres;
  }

  member(): MemberId {
    return memberId(this.#self.name, this.#file.current().incarnation);
  }

  /** Keeps the newest answer of each member; answers for lower ballots are evidence of nothing. */
  addAnswer(answer: PromiseAnswer): void {
    const known = this.#answers.find((one) => one.member === answer.member);
    if (known !== undefined && known.promised > answer.promised) return;
    this.#answers = [...this.#answers.filter((one) => one.member !== answer.member), answer];
  }

  /** A new epoch is in the record: answers below it belong to a round that is over. */
  dropAnswersUpTo(current: Epoch): void {
    this.#answers = this.#answers.filter((answer) => answer.promised > current);
  }

  failed(kind: JobKind, why: string): number {
    const count = (this.#failures.get(kind)?.count ?? 0) + 1;
    this.#failures.set(kind, { atMs: monotonicMs(), count, why });
    return count;
  }

  succeeded(kind: JobKind): void {
    this.#failures.delete(kind);
  }

  /** The local server is gone or replaced: what was proven about it is not true any more. */
  forgetServer(): void {
    this.following = null;
    this.inForce = { kind: 'unproven' };
    this.resting = null;
    this.promiseKept = null;
  }

  facts(): Facts {
    const nowMs = monotonicMs();
    const store = this.#store.facts();
    const recent = <T extends { readonly atMs: number } | null>(value: T): boolean =>
      value !== null && nowMs - value.atMs < EVIDENCE_STALE_MS;
    return {
      nowMs,
      self: { ...this.#self, member: this.member() },
      startedAtMs: this.startedAtMs,
      file: this.#file.current(),
      store,
      server: { state: this.server.state, seenAtMs: this.server.seenAtMs },
      guard: this.#postgres.guard(),
      peers: new Map([...this.peers].filter(([, peer]) => nowMs - peer.heardAtMs < PEER_STALE_MS)),
      holder: this.holder,
      awakeSinceMs: this.awakeSinceMs,
      confirmations: this.confirmations,
      answers: this.#answers,
      down: this.down !== null && recent({ atMs: this.down.heardAtMs }) ? this.down : null,
      // What an operator accepted for one epoch says nothing about the next.
      takeover:
        this.takeover !== null &&
        recent({ atMs: this.takeover.askedAtMs }) &&
        store.view.kind === 'present' &&
        store.view.record.epoch === this.takeover.epoch
          ? this.takeover
          : null,
      downAcknowledged: [...this.downAcknowledged],
      job: this.job,
      failures: this.#failures,
      following: this.following,
      inForce: this.inForce,
      resting: this.resting,
      open: this.#postgres.isOpen(),
      handover: this.handover,
      promiseKept: this.promiseKept,
    };
  }
}
