/**
 * Takes sessions along when the leader moves: the leader's agent announces the move and says when to park; the view says where to go on. It
 * must never keep a client waiting without an end: a move that is not heard of again ends by itself, and its clients go on or are told.
 */
import { setMaxListeners } from 'node:events';
import { isOpen } from '../../shared/domain/leader-record.ts';
import type { Logger } from '../../shared/logging/logger.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { decideLanding, type Landing, type MoveOrder } from '../core/landing.ts';
import type { Target } from '../core/route.ts';
import type { Router } from '../router.ts';
import type { Movable } from './movable.ts';
import type { Movers } from './move-api.ts';
import { SessionMove, type Journey, type MoveDeps } from './session-move.ts';
import { Turnstile } from '../turnstile.ts';
import { VerifierLooks } from './verifier-looks.ts';

export type MoverParts = {
  readonly router: Router;
  /** The longest a client is held. */
  readonly holdMs: number;
  /** What the moves of single sessions need. */
  readonly deps: MoveDeps;
  readonly log: Logger;
};

/** Logins at once. More of them only wait for each other at the server. */
const CONCURRENT = 8;
/** Nobody waits for these, and the others have work to do. */
const CONCURRENT_AT_REST = 2;
/** Between two looks at a target that is not ready for everybody. */
const AGAIN_MS = 5;
const LOOK_MS = 1_000;
/** A server that is slower to end them than this has them all to end when it stops. */
const ENDED_MS = 500;
/** The checkpoint in between may take its time. */
const ANNOUNCED_MS = 90_000;

type Move = Journey & {
  readonly sessions: Map<Movable, SessionMove>;
  /** Aborted when nothing is left to do for it. */
  readonly ended: AbortController;
  parkedAtMs: number | null;
};

export class Mover implements Movers {
  readonly #parts: MoverParts;
  #move: Move | null = null;
  /** Moves with parked clients: a new one may begin before the one before has landed. New clients are held as long as there is one. */
  readonly #landing = new Set<Move>();

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  async announce(order: MoveOrder, withinMs: number): Promise<number> {
    const move = this.#begin(order);
    if (move.parkedAtMs !== null) return 0;
    const { router, log } = this.#parts;
    const target = router.addressOf(order.to);
    if (target === null) return 0;
    const startedAtMs = monotonicMs();
    void this.#endIfNotParked(move);
    const signal = AbortSignal.any([move.ended.signal, AbortSignal.timeout(withinMs)]);
    setMaxListeners(0, signal, move.ended.signal);
    const moves = this.#sessionsOf(move);
    const prepare = async (one: SessionMove): Promise<void> => one.prepare(target, signal);
    await inTurn(CONCURRENT, [...moves.filter(isBusy), ...moves.filter(isAtRest)], signal, prepare);
    const sessions = moves.filter((one) => one.isPrepared).length;
    log.info({ operation: order.operation, of: moves.length, sessions, tookMs: since(startedAtMs) }, 'move.announced');
    return sessions;
  }

  async park(order: MoveOrder, withinMs: number): Promise<number> {
    const move = this.#begin(order);
    if (move.parkedAtMs !== null) return 0;
    const { router, log } = this.#parts;
    move.parkedAtMs = monotonicMs();
    this.#landing.add(move);
    const deadline = AbortSignal.timeout(withinMs);
    setMaxListeners(0, deadline, move.ended.signal);
    await leaveAll(this.#sessionsOf(move).filter(isAtRest), deadline);
    router.setMoving(true);
    router.turnBack(order.from);
    const moves = [...new Set([...move.sessions.values(), ...this.#sessionsOf(move)])];
    await Promise.all(moves.map(async (one) => one.leave(deadline)));
    const sessions = moves.filter((one) => one.isParked).length;
    log.info({ operation: order.operation, of: moves.length, sessions, tookMs: since(move.parkedAtMs) }, 'move.parked');
    void this.#land(move, move.parkedAtMs);
    return sessions;
  }

  /** Whoever is parked is cut: the process ends. */
  close(): void {
    if (this.#move?.parkedAtMs === null) this.#end(this.#move);
    for (const move of this.#landing) move.ended.abort();
  }

  /** One move at a time: a new one means that the one before has ended, whatever we have heard of it. */
  #begin(order: MoveOrder): Move {
    const current = this.#move;
    if (current?.order.operation === order.operation) return current;
    if (current?.parkedAtMs === null) this.#end(current);
    const verifiers = new VerifierLooks(this.#parts.deps, order);
    const move: Move = { order, verifiers, sessions: new Map(), ended: new AbortController(), parkedAtMs: null };
    this.#move = move;
    return move;
  }

  #sessionsOf(move: Move): readonly SessionMove[] {
    return this.#parts.router.movableOn(move.order.from).map((movable) => this.#of(move, movable));
  }

  #of(move: Move, movable: Movable): SessionMove {
    const known = move.sessions.get(movable);
    if (known !== undefined) return known;
    const made = new SessionMove(this.#parts.deps, movable, move);
    move.sessions.set(movable, made);
    return made;
  }

  /** A move that was announced and then given up must not leave its sessions at the target. */
  async #endIfNotParked(move: Move): Promise<void> {
    const { router } = this.#parts;
    const untilMs = monotonicMs() + ANNOUNCED_MS;
    while (move.parkedAtMs === null && !move.ended.signal.aborted) {
      const { operation } = router.view;
      if (monotonicMs() >= untilMs || (operation?.id === move.order.operation && !isOpen(operation))) this.#end(move);
      else await router.waitForNews(LOOK_MS, move.ended.signal);
    }
  }

  async #land(move: Move, parkedAtMs: number): Promise<void> {
    const { log } = this.#parts;
    let landing: Landing = { kind: 'wait' };
    while (landing.kind !== 'give-up' && !move.ended.signal.aborted) {
      landing = await this.#landOnce(move, parkedAtMs);
      if (landing.kind === 'land' && waiting(move).length === 0) break;
    }
    const left = waiting(move);
    for (const one of left) one.giveUp(landing.kind === 'give-up' ? landing.why : 'the proxy is stopping');
    this.#landing.delete(move);
    if (this.#landing.size === 0) this.#parts.router.setMoving(false);
    const landed = [...move.sessions.values()].filter((one) => one.isLanded).length;
    log.info({ operation: move.order.operation, landed, givenUp: left.length, tookMs: since(parkedAtMs) }, 'move.ended');
    this.#end(move);
  }

  async #landOnce({ order, sessions, ended }: Move, parkedAtMs: number): Promise<Landing> {
    const { router, holdMs } = this.#parts;
    const landing = decideLanding(order, router.view, { nowMs: monotonicMs(), parkedAtMs, holdMs });
    if (landing.kind === 'give-up') return landing;
    if (landing.kind === 'wait') {
      await router.waitForNews(LOOK_MS, ended.signal);
      return landing;
    }
    const { target } = landing;
    const parked = [...sessions.values()].filter((one) => one.isParked);
    const arrive = async (one: SessionMove): Promise<void> => one.arrive(target, ended.signal);
    await inTurn(CONCURRENT, parked.filter(isBusy), ended.signal, arrive);
    await inTurn(CONCURRENT_AT_REST, parked.filter(isAtRest), ended.signal, arrive);
    if (parked.some((one) => one.isParked)) await this.#waitAtTheDoor(target, ended.signal);
    return landing;
  }

  async #waitAtTheDoor(target: Target, signal: AbortSignal): Promise<void> {
    const { router } = this.#parts;
    router.refresh(target);
    await router.waitForNews(AGAIN_MS, signal);
  }

  #end(move: Move): void {
    move.ended.abort();
    move.verifiers.forget();
    for (const one of move.sessions.values()) one.forget();
    if (this.#move === move) this.#move = null;
  }
}

function waiting({ sessions }: Move): readonly SessionMove[] {
  return [...sessions.values()].filter((one) => one.isParked);
}

/**
 * Ends at the server what rests, while the others still work: two hundred sessions take it a fifth of a second to end, and behind the parking everybody would
 * wait for that. Most clients of a pool notice nothing; one that says something now waits for as long as it would have.
 */
async function leaveAll(resting: readonly SessionMove[], deadline: AbortSignal): Promise<void> {
  if (resting.length === 0) return;
  const left = resting.map(async (one) => {
    await one.leave(deadline);
    await one.hasLeft;
  });
  // Not for longer: one that does not answer would use up the time of those who work, and they would be cut for it.
  await Promise.race([Promise.all(left), sleep(ENDED_MS, deadline)]);
}

function isBusy(one: SessionMove): boolean {
  return one.isBusy;
}

/** Most sessions of a pool. */
function isAtRest(one: SessionMove): boolean {
  return !one.isBusy;
}

async function inTurn(
  concurrent: number,
  moves: readonly SessionMove[],
  signal: AbortSignal,
  work: (one: SessionMove) => Promise<void>,
): Promise<void> {
  const turnstile = new Turnstile(concurrent);
  await Promise.all(
    moves.map(async (one) => {
      if (!(await turnstile.enter(signal))) return;
      await work(one);
      turnstile.leave();
    }),
  );
}

function since(atMs: number): number {
  return Math.round(monotonicMs() - atMs);
}
