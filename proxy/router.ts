/**
 * Between the view and the sessions: says where a new session goes, keeps count of who is where, and ends what a new view ends. It must never
 * let a cut wait for anything: every session of a deposed leader is told within the same turn in which the news arrived.
 */
import type { DurabilityMode } from '../shared/domain/leader-record.ts';
import { nameOf, type MemberId } from '../shared/domain/node-id.ts';
import type { Logger } from '../shared/logging/logger.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import type { Port } from './core/admission.ts';
import { decideCut } from './core/cut.ts';
import { decideHold, type HoldDecision, type HoldLimits } from './core/hold.ts';
import type { ReadWish } from './core/read-wish.ts';
import {
  isKnownClosed,
  routeReadOnly,
  routeReadWrite,
  routeToLeader,
  type Bond,
  type ReadOnlyPolicy,
  type ReadRoute,
  type Target,
} from './core/route.ts';
import type { View } from './core/view.ts';
import type { Address } from './dial.ts';
import type { Gate } from './gate.ts';
import type { Movable } from './move/movable.ts';
import type { ViewFollower } from './view.ts';
import { Wakeups, type Woken } from './wakeups.ts';

/** A session as the router sees it. */
export interface Routed {
  readonly port: Port;
  /** True once the client talks to a server, false while one is being sought. */
  readonly attached: boolean;
  /** Null: it has no server yet, or its conversation cannot be read. */
  readonly movable: Movable | null;
  /** What the session depends on no longer holds. */
  depose(why: string): void;
}

/** A client that looks for a server. */
export type Seeker = {
  readonly wish: ReadWish;
  /** How long it has waited for its wish. */
  readonly waitedMs: number;
  /** Servers that just failed it. */
  readonly avoid: ReadonlySet<MemberId>;
};

/** How the wishes of clients ended. */
export type WishCounts = {
  readonly byStandby: number;
  readonly byLeader: number;
  readonly unmet: number;
  readonly lost: number;
  readonly faulty: number;
};

export type RouterSettings = HoldLimits & ReadOnlyPolicy;

export type Counts = {
  readonly held: number;
  readonly rwSessions: number;
  readonly roSessions: number;
  readonly cut: number;
  /** Sessions that have gone on at another server. */
  readonly moved: number;
  readonly refused: number;
};

/** More servers than any cluster has; bounds what one stray cancel request can set off. */
const MAX_CANCEL_ADDRESSES = 16;

export class Router {
  readonly #view: ViewFollower;
  readonly #gate: Gate;
  readonly #settings: RouterSettings;
  readonly #log: Logger;
  readonly #bonds = new Map<Routed, Bond>();
  readonly #sessionsOn = new Map<MemberId, number>();
  readonly #wakeups = new Wakeups();
  /** The leader is about to stop: whoever came to it now would have to leave at once. */
  #isMoving = false;
  #turn = 0;
  #held = 0;
  #cut = 0;
  #moved = 0;
  #refused = 0;
  #wishes: WishCounts = { byStandby: 0, byLeader: 0, unmet: 0, lost: 0, faulty: 0 };

  constructor(parts: { readonly view: ViewFollower; readonly gate: Gate; readonly log: Logger }, settings: RouterSettings) {
    const { view, gate, log } = parts;
    this.#view = view;
    this.#gate = gate;
    this.#settings = settings;
    this.#log = log;
    view.onChange((current) => {
      this.#apply(current);
    });
  }

  route(port: Port, seeker: Seeker): ReadRoute {
    const admitted = this.#gate.admits(port);
    if (admitted === 'hold') return { kind: 'none', why: 'an operator has paused the proxy', waitMs: null };
    if (admitted === 'refuse') return { kind: 'none', why: 'an operator drains this proxy', waitMs: 0 };
    if (port === 'rw' && this.#isMoving) return { kind: 'none', why: 'the leader is about to move', waitMs: null };
    const question = { nowMs: monotonicMs(), wish: seeker.wish, waitedMs: seeker.waitedMs };
    if (port === 'rw') return routeToLeader(this.#view.current, this.#settings, question);
    this.#turn += 1;
    const load = { sessionsOn: (member: MemberId) => this.#sessionsOn.get(member) ?? 0, turn: this.#turn, avoid: seeker.avoid };
    return routeReadOnly(this.#view.current, this.#settings, load, question);
  }

  /** Where a read-write session without any wish would go now; null: it would be held. */
  get readWriteTarget(): MemberId | null {
    const route = routeReadWrite(this.#view.current);
    return route.kind === 'target' ? route.target.bond.member : null;
  }

  /** What the leader's mode is; null before the first record. */
  get mode(): DurabilityMode | null {
    return this.#view.current.leader?.mode ?? null;
  }

  isKnownClosed(target: Target): boolean {
    return isKnownClosed(this.#view.current, target, monotonicMs());
  }

  /** Clients wait for a replay: the agents are asked more often, as long as this is called again and again. */
  hurry(): void {
    this.#view.hurry();
  }

  /** Asks the agent of a target now, because a client waits for the answer. */
  refresh(target: Target): void {
    this.#view.refresh(target.name);
  }

  /**
   * From now on the session depends on `bond`, and counts for that server. False: the bond does not hold any more. A connection that was
   * opened before the news must not be taken up after it: nothing would ever cut that session.
   */
  bind(session: Routed, bond: Bond): boolean {
    this.unbind(session);
    const decision = decideCut(bond, this.#view.current, monotonicMs());
    if (decision.kind === 'cut') return false;
    this.#bonds.set(session, decision.bond);
    this.#sessionsOn.set(bond.member, (this.#sessionsOn.get(bond.member) ?? 0) + 1);
    return true;
  }

  isBound(session: Routed): boolean {
    return this.#bonds.has(session);
  }

  /** Where a member is reached; null: it is not known. */
  addressOf(member: MemberId): (Address & { readonly agentUrl: string }) | null {
    const record = this.#view.current.nodes.get(nameOf(member))?.record;
    return record?.member === member ? { host: record.pgHost, port: record.pgPort, agentUrl: record.agentUrl } : null;
  }

  /** Sessions on this leader that can be moved. */
  movableOn(member: MemberId): readonly Movable[] {
    return [...this.#bonds].flatMap(([{ movable }, bond]) =>
      bond.kind === 'leader' && bond.member === member && movable ? [movable] : [],
    );
  }

  get view(): View {
    return this.#view.current;
  }

  /** Whom the session depends on; null: nobody yet, or no more. */
  memberOf(session: Routed): MemberId | null {
    return this.#bonds.get(session)?.member ?? null;
  }

  unbind(session: Routed): void {
    const bond = this.#bonds.get(session);
    if (bond === undefined) return;
    this.#bonds.delete(session);
    const left = (this.#sessionsOn.get(bond.member) ?? 1) - 1;
    if (left > 0) this.#sessionsOn.set(bond.member, left);
    else this.#sessionsOn.delete(bond.member);
  }

  /** May a client that has waited since `sinceMs` (null: not yet) wait on? `waitMs` is the route's own limit. */
  decideHold(sinceMs: number | null, waitMs: number | null): HoldDecision {
    const { holdMax, holdMs } = this.#settings;
    return decideHold({ sinceMs, heldCount: this.#held, nowMs: monotonicMs() }, { holdMax, holdMs: Math.min(holdMs, waitMs ?? holdMs) });
  }

  enterHold(): void {
    this.#held += 1;
  }

  leaveHold(): void {
    this.#held -= 1;
  }

  /** New read-write sessions are held for a planned move, or let on again. */
  setMoving(isMoving: boolean): void {
    this.#isMoving = isMoving;
    if (!isMoving) this.#wakeups.wakeAll();
  }

  /**
   * Whoever is on its way to this leader and has not heard a word from it yet looks again, and is held. Left alone, its login would end behind the parking,
   * and the stop of the leader would cut it a moment later: an error in a move that promises none.
   */
  turnBack(member: MemberId): void {
    for (const [session, bond] of [...this.#bonds]) {
      if (session.port === 'rw' && !session.attached && bond.member === member) session.depose('the leader is about to move');
    }
  }

  /** Something else than the view has changed. */
  wake(): void {
    this.#wakeups.wakeAll();
  }

  waitForNews(forMs: number, signal: AbortSignal): Promise<Woken> {
    return this.#wakeups.wait(forMs, signal);
  }

  countRefusal(): void {
    this.#refused += 1;
  }

  countWish(outcome: keyof WishCounts): void {
    this.#wishes = { ...this.#wishes, [outcome]: this.#wishes[outcome] + 1 };
  }

  get wishes(): WishCounts {
    return this.#wishes;
  }

  countCut(): void {
    this.#cut += 1;
  }

  countMoved(): void {
    this.#moved += 1;
  }

  get counts(): Counts {
    let rwSessions = 0;
    let roSessions = 0;
    for (const session of this.#bonds.keys()) {
      if (!session.attached) continue;
      if (session.port === 'rw') rwSessions += 1;
      else roSessions += 1;
    }
    return { held: this.#held, rwSessions, roSessions, cut: this.#cut, moved: this.#moved, refused: this.#refused };
  }

  /** Where a cancel request of unknown origin may belong: every server of the cluster, the leader first. A wrong one ignores it. */
  cancelAddresses(): readonly Address[] {
    const { leader, nodes } = this.#view.current;
    const records = [...nodes.values()].map(({ record }) => record);
    const leaderFirst = [
      ...records.filter(({ member }) => member === leader?.holder),
      ...records.filter(({ member }) => member !== leader?.holder),
    ];
    return leaderFirst.slice(0, MAX_CANCEL_ADDRESSES).map(({ pgHost, pgPort }) => ({ host: pgHost, port: pgPort }));
  }

  #apply(view: View): void {
    const nowMs = monotonicMs();
    let deposed = 0;
    let lastWhy = '';
    for (const [session, bond] of [...this.#bonds]) {
      const decision = decideCut(bond, view, nowMs);
      if (decision.kind === 'keep') {
        // Same member, so the counts stay as they are.
        if (decision.bond !== bond) this.#bonds.set(session, decision.bond);
        continue;
      }
      deposed += 1;
      lastWhy = decision.why;
      session.depose(decision.why);
    }
    if (deposed > 0) this.#log.info({ sessions: deposed, why: lastWhy }, 'sessions.deposed');
    this.#wakeups.wakeAll();
  }
}
