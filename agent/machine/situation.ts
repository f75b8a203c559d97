/**
 * The one mutable picture of this node, from which facts are made. Jobs and messages write into it; decisions only ever see `Facts`. It must never
 * hold anything that has to survive a crash: that is the node file.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { MemberSet } from '../../shared/domain/member-set.ts';
import { memberId, nameOf, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import type { WalPosition } from '../../shared/domain/wal-position.ts';
import type { JobKind } from '../core/actions.ts';
import { UNTRIED, type Health } from '../core/health.ts';
import type { Facts, HolderSigns, InForce, PeerStatus, PromiseAnswer, Self } from '../core/facts.ts';
import type { GuardStatus } from '../guard/protocol.ts';
import type { ServerState } from '../postgres/port.ts';
import type { NodeFileKeeper } from './node-file-keeper.ts';
import type { Outbox } from './outbox.ts';
import type { StoreView } from './store-view.ts';

/** A peer that has not spoken for this long is not counted as reachable. */
const PEER_STALE_MS = 1_000;
/** A `down` or an operator's request concerns the present; it is forgotten when nothing came of it. */
const EVIDENCE_STALE_MS = 30_000;
/** Far more than one leader ever lets go. */
const LEAVING_MAX = 1_024;

export const NO_SIGNS: HolderSigns = {
  member: null,
  heardAtMs: null,
  walMovedAtMs: null,
  probeAnsweredAtMs: null,
  probeFailedAtMs: null,
};

export class Situation {
  readonly startedAtMs: number;
  readonly self: Omit<Self, 'member'>;
  server: { state: ServerState; seenAtMs: number };
  guard: GuardStatus | null = null;
  open = false;
  health: Health = UNTRIED;
  /** We have told the others that our PostgreSQL is dead. */
  hasSaidDown = false;
  down: Facts['down'] = null;
  takeover: Facts['takeover'] = null;
  readonly downAcknowledged = new Set<MemberId>();
  job: { kind: JobKind; sinceMs: number } | null = null;
  following: Facts['following'] = null;
  inForce: InForce = { kind: 'unproven' };
  resting: MemberSet | null = null;
  handover: { operationId: string; final: WalPosition; drained: boolean } | null = null;
  promiseKept: Epoch | null = null;
  holder: HolderSigns = NO_SIGNS;
  awakeSinceMs: number;
  readonly confirmations = new Map<MemberId, { readonly epoch: Epoch; readonly askedAtMs: number }>();
  readonly peers = new Map<NodeName, PeerStatus>();
  /** Incarnations that are about to give up their data, and when they said so: they must not be counted on again. */
  readonly #leaving = new Map<MemberId, number>();
  #answers: readonly PromiseAnswer[] = [];
  #generation = 0;
  readonly #failures = new Map<JobKind, { atMs: number; count: number; why: string }>();
  readonly #outbox: Outbox;
  readonly #file: NodeFileKeeper;
  readonly #store: StoreView;

  constructor(parts: {
    readonly self: Omit<Self, 'member'>;
    readonly outbox: Outbox;
    readonly file: NodeFileKeeper;
    readonly store: StoreView;
    readonly startedAtMs: number;
  }) {
    this.self = parts.self;
    this.#outbox = parts.outbox;
    this.#file = parts.file;
    this.#store = parts.store;
    this.startedAtMs = parts.startedAtMs;
    this.awakeSinceMs = parts.startedAtMs;
    this.server = { state: { kind: 'starting' }, seenAtMs: parts.startedAtMs };
  }

  get member(): MemberId {
    return memberId(this.self.name, this.#file.current.incarnation);
  }

  /** Numbers the stepping stones of set changes: no two in a row may look alike (P7.6). */
  nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  /** Keeps the newest answer of each member; answers for lower ballots are evidence of nothing. */
  addAnswer(answer: PromiseAnswer): void {
    const known = this.#answers.find((one) => one.member === answer.member);
    if (known !== undefined && known.promised > answer.promised) return;
    this.#answers = [...this.#answers.filter((one) => one.member !== answer.member), answer];
  }

  /** A new epoch is in the record: what concerned the former one is over. */
  enterEpoch(epoch: Epoch): void {
    this.#answers = this.#answers.filter((answer) => answer.promised > epoch);
    this.downAcknowledged.clear();
    this.handover = null;
  }

  noteLeaving(member: MemberId): void {
    if (this.#leaving.size >= LEAVING_MAX) this.#leaving.clear();
    this.#leaving.set(member, this.#outbox.nowMs);
  }

  failed(kind: JobKind, why: string): void {
    const count = (this.#failures.get(kind)?.count ?? 0) + 1;
    this.#failures.set(kind, { atMs: this.#outbox.nowMs, count, why });
  }

  succeeded(kind: JobKind): void {
    this.#failures.delete(kind);
  }

  lastFailure(kind: JobKind): string | null {
    return this.#failures.get(kind)?.why ?? null;
  }

  /** The local server is gone or replaced: what was proven about it is not true any more. */
  forgetServer(): void {
    this.following = null;
    this.inForce = { kind: 'unproven' };
    this.resting = null;
    this.promiseKept = null;
  }

  facts(): Facts {
    const { nowMs, reached } = this.#outbox;
    this.#forgetOldNews(nowMs);
    const store = this.#store.facts();
    return {
      nowMs,
      reached,
      self: { ...this.self, member: this.member },
      startedAtMs: this.startedAtMs,
      file: this.#file.current,
      store,
      server: this.server,
      guard: this.guard,
      peers: this.peers,
      holder: this.holder,
      awakeSinceMs: this.awakeSinceMs,
      confirmations: this.confirmations,
      leaving: this.#leaving,
      answers: this.#answers,
      down: this.down,
      // What an operator accepted for one epoch says nothing about the next.
      takeover: store.view.kind === 'present' && store.view.record.epoch === this.takeover?.epoch ? this.takeover : null,
      downAcknowledged: this.downAcknowledged,
      job: this.job,
      failures: this.#failures,
      following: this.following,
      inForce: this.inForce,
      resting: this.resting,
      open: this.open,
      health: this.health,
      hasSaidDown: this.hasSaidDown,
      handover: this.handover,
      promiseKept: this.promiseKept,
    };
  }

  /**
   * It asked to be let go because it did not start, the copy it wanted failed, and then it did start: with everything it had, and streaming. Before it gives
   * that up it has to ask again. Without this it would stream for ever and never be enlisted.
   */
  #hasComeBack(member: MemberId, saidAtMs: number): boolean {
    const peer = this.peers.get(nameOf(member));
    const { state } = this.server;
    if (peer?.member !== member || !peer.healthy || peer.askedAtMs <= saidAtMs || state.kind !== 'running') return false;
    return state.facts.walSenders.some((sender) => sender.applicationName === member && sender.state === 'streaming');
  }

  #forgetOldNews(nowMs: number): void {
    for (const [name, peer] of this.peers) if (nowMs - peer.heardAtMs >= PEER_STALE_MS) this.peers.delete(name);
    if (this.down !== null && nowMs - this.down.heardAtMs >= EVIDENCE_STALE_MS) this.down = null;
    if (this.takeover !== null && nowMs - this.takeover.askedAtMs >= EVIDENCE_STALE_MS) this.takeover = null;
    for (const [member, saidAtMs] of this.#leaving) if (this.#hasComeBack(member, saidAtMs)) this.#leaving.delete(member);
  }
}
