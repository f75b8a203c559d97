/**
 * The move of one session: a place at the target while the client goes on, the parking, the audit of what the session holds, its replay on the
 * other side, and the hand-over of the client. It must never guess: a session whose state cannot be read or repeated is cut with 57P01, as it
 * would have been without a move.
 */
import type { Socket } from 'node:net';
import type { Logger } from '../../shared/logging/logger.ts';
import { aborted } from '../../shared/runtime/deadline.ts';
import type { AgentClient } from '../agent-client.ts';
import type { MoveOrder } from '../core/landing.ts';
import { FROM_CLIENT } from '../core/message-types.ts';
import type { Target } from '../core/route.ts';
import type { Address } from '../dial.ts';
import { logIn } from '../login/backend-login.ts';
import { forget, type Credentials } from '../login/credentials.ts';
import type { VerifierLook } from '../core/agent-answer.ts';
import type { Router } from '../router.ts';
import type { ServerTls } from '../server-tls.ts';
import { auditRequest, readAudit, restoreUnnamed, type Audit, type Known, type Request } from './audit.ts';
import { converse } from './conversation.ts';
import type { Movable } from './movable.ts';
import { frame } from './frames.ts';
import { Place } from './place.ts';
import type { SessionState } from './session-state.ts';
import type { VerifierLooks } from './verifier-looks.ts';

export type MoveDeps = {
  readonly router: Router;
  readonly agents: AgentClient;
  readonly tls: ServerTls;
  readonly log: Logger;
};

type Stage =
  /** The client goes on with its server. */
  | { readonly kind: 'riding' }
  /** The client waits; `state` is what its next server has to know, `ahead` what the last one said that the client has not heard. */
  | { readonly kind: 'parked'; readonly state: SessionState; readonly ahead: Buffer }
  | { readonly kind: 'landed' }
  /** Cut, or gone by itself. */
  | { readonly kind: 'over' };

const LOGIN_MS = 3_000;
const AUDIT_MS = 2_000;
/** The texts of all prepared statements of a session. More than that is cheaper to cut than to carry. */
const AUDIT_BYTES = 16_777_216;
/** How long an old server may take to see that its client has left. */
const GOODBYE_MS = 3_000;
const TERMINATE = frame(FROM_CLIENT.terminate, '');
const NOTHING = Buffer.alloc(0);
const UNANSWERED = 'its server did not answer the audit';
/** Refusals that say "not now": starting up or shutting down, full, and the rules that let nobody in while a move is under way. */
const NOT_NOW = new Set(['57P03', '53300', '28000']);

/** What all sessions of one move have in common. */
export type Journey = { readonly order: MoveOrder; readonly verifiers: VerifierLooks };

export class SessionMove {
  readonly #deps: MoveDeps;
  readonly #movable: Movable;
  readonly #order: MoveOrder;
  readonly #verifiers: VerifierLooks;
  readonly #forwardedAtFirst: number;
  #stage: Stage = { kind: 'riding' };
  #place: Place | null = null;
  #credentials: Credentials | null = null;
  /** What is stored for the user could not be asked; later it may. */
  #hasLookFailed = false;
  /** What was read while the client was at rest, and how much it had said by then. */
  #early: { readonly forwarded: number; readonly state: SessionState } | null = null;
  /** The telling that goes on while the old leader stops. False: the place is of no use. */
  #telling: Promise<boolean> = Promise.resolve(false);
  #hasLeft: Promise<void> = Promise.resolve();
  /** Begun once; whoever asks again waits for the same. */
  #leaving: Promise<void> | null = null;
  /** The look ahead, which has the server while it lasts. */
  #looking: Promise<void> = Promise.resolve();

  constructor(deps: MoveDeps, movable: Movable, { order, verifiers }: Journey) {
    this.#deps = deps;
    this.#movable = movable;
    this.#order = order;
    this.#verifiers = verifiers;
    this.#forwardedAtFirst = movable.forwardedCount;
  }

  /** Its client has said something since the move was first heard of, and most likely waits. Most sessions of a pool do not. */
  get isBusy(): boolean {
    return !this.#movable.isAtRest || this.#movable.forwardedCount !== this.#forwardedAtFirst;
  }

  get isPrepared(): boolean {
    return this.#place !== null;
  }

  get isParked(): boolean {
    return this.#stage.kind === 'parked' && !this.#movable.gone.aborted;
  }

  get isLanded(): boolean {
    return this.#stage.kind === 'landed';
  }

  /** While the client goes on: a session at the target, and for a client at rest what it needs there. Whatever fails is made up for later. */
  async prepare(to: Address, given: AbortSignal): Promise<void> {
    if (this.#movable.isStream) return;
    const signal = AbortSignal.any([given, this.#movable.gone]);
    const credentials = await this.#learn(signal);
    if (credentials === null) return;
    const login = await logIn(to, this.#loginWith(credentials, signal));
    if (login.kind !== 'in') {
      this.#note('move.no-place', login.why);
      return;
    }
    this.#place = new Place(this.#order.to, login.backend);
    if (signal.aborted || !this.#movable.isAtRest) return;
    this.#looking = this.#lookAhead(this.#place);
    await this.#looking;
  }

  /** Parks the client and reads what the session holds. The old server is left; the client waits until `arrive` or `giveUp`. */
  leave(deadline: AbortSignal): Promise<void> {
    this.#leaving ??= this.#leave(deadline);
    return this.#leaving;
  }

  async #leave(deadline: AbortSignal): Promise<void> {
    // On a busy machine the announcement may not have ended yet; without its server this session cannot be parked.
    await Promise.race([this.#looking, aborted(deadline)]);
    if (this.#stage.kind !== 'riding' || !(await this.#park(deadline))) return;
    const server = this.#movable.lendServer();
    if (server === null) return;
    // Whatever the view says of the old leader from here on, this session depends on it no more.
    this.#movable.letGo();
    const early = this.#early;
    const { forwardedCount } = this.#movable;
    const audit: Audit | null =
      early?.forwarded === forwardedCount ? { verdict: early.state, passOn: NOTHING } : await this.#audit(server, this.#known());
    // At once: a server that has lost its clients stops sooner.
    this.#hasLeft = dismiss(server);
    if (audit === null) {
      this.#cut(UNANSWERED);
      return;
    }
    if (audit.verdict.kind === 'cut') {
      this.#cut(audit.verdict.why);
      return;
    }
    this.#movable.passenger.hear(audit.passOn);
    this.#stage = { kind: 'parked', state: audit.verdict, ahead: audit.passOn };
    if (this.#place !== null) this.#telling = this.#tell(this.#place, audit.verdict);
  }

  /** Resolves when the server that was left has ended the session, or has had its time for it. */
  get hasLeft(): Promise<void> {
    return this.#hasLeft;
  }

  /** Goes on at the target if that is possible by now; otherwise it is still parked, and may be asked again. */
  async arrive(target: Target, given: AbortSignal): Promise<void> {
    const stage = this.#stage;
    if (stage.kind !== 'parked') return;
    const signal = AbortSignal.any([given, this.#movable.gone]);
    if (!(await this.#findPlace(target, stage.state, signal))) return;
    const place = this.#place;
    if (place === null) return;
    const finish = await place.finish(this.#movable.passenger.parameters, signal);
    if (finish.kind === 'ready') {
      if (!this.#movable.settle(target, place.backend, Buffer.concat([stage.ahead, finish.ahead]))) return;
      this.#movable.passenger.hear(finish.ahead);
      this.#place = null;
      this.#stage = { kind: 'landed' };
      return;
    }
    this.#leavePlace();
    if (finish.kind === 'cut') this.#cut(finish.why);
    else this.#note('move.not-yet', finish.why);
  }

  giveUp(why: string): void {
    if (this.#stage.kind === 'parked') this.#cut(why);
  }

  /** Nothing of it is needed any more. */
  forget(): void {
    this.#leavePlace();
    if (this.#credentials !== null) forget(this.#credentials);
    this.#credentials = null;
  }

  async #learn(signal: AbortSignal): Promise<Credentials | null> {
    if (this.#credentials !== null) return this.#credentials;
    const learned = await this.#movable.passenger.learner.credentials(async () => this.#verifier(), signal);
    if (learned.kind === 'unlearnable') {
      this.#note('move.unlearnable', learned.why);
      return null;
    }
    this.#credentials = learned;
    return learned;
  }

  async #verifier(): Promise<VerifierLook> {
    const look = await this.#verifiers.of(this.#movable.passenger.user);
    this.#hasLookFailed = look.kind === 'failed';
    return look;
  }

  /** A client at rest is stopped for as long as one question takes. Most sessions of a pool are at rest, and have nothing left to do later. */
  async #lookAhead(place: Place): Promise<void> {
    const parking = this.#movable.park();
    this.#movable.unpark();
    if ((await parking) !== 'parked') return;
    const server = this.#movable.lendServer();
    if (server === null) return;
    const known = this.#known();
    const forwarded = this.#movable.forwardedCount;
    const audit = await this.#audit(server, known);
    // Given back now, the server would say the rest of its answer to the client; or the client would find its unnamed statement gone.
    if (audit === null || !(await this.#restore(server, known))) {
      server.destroy();
      this.#cut(UNANSWERED);
      return;
    }
    this.#movable.passenger.hear(audit.passOn);
    this.#movable.giveBack(server, audit.passOn);
    // What a client holds now it may let go before the move: nobody is cut for it yet.
    if (audit.verdict.kind === 'cut') return;
    this.#early = { forwarded, state: audit.verdict };
    this.#telling = this.#tell(place, audit.verdict);
    await this.#telling;
  }

  async #park(deadline: AbortSignal): Promise<boolean> {
    if (deadline.aborted) return false;
    const unpark = (): void => {
      this.#movable.unpark();
    };
    deadline.addEventListener('abort', unpark, { once: true });
    const parking = await this.#movable.park();
    deadline.removeEventListener('abort', unpark);
    return parking === 'parked';
  }

  #known(): Known {
    const { user, flow } = this.#movable.passenger;
    const { unnamed, settingNames, namesOverflow, asksSequences } = flow.watch;
    return { user, unnamed, settingNames: [...settingNames, ...this.#movable.passenger.settingNames], namesOverflow, asksSequences };
  }

  /** Null: the server has not answered to the end, and what it may still say must reach nobody. */
  async #audit(server: Socket, known: Known): Promise<Audit | null> {
    const request = auditRequest(known);
    if ('kind' in request) return { verdict: request, passOn: NOTHING };
    const answer = await this.#ask(server, request);
    return answer.kind === 'failed' ? null : readAudit(answer.bytes, known);
  }

  async #restore(server: Socket, known: Known): Promise<boolean> {
    const request = restoreUnnamed(known);
    return request === null || (await this.#ask(server, request)).kind === 'answered';
  }

  #ask(server: Socket, { bytes, readyCount }: Request): ReturnType<typeof converse> {
    return converse(server, bytes, { readyCount, budgetMs: AUDIT_MS, signal: this.#movable.gone, maxBytes: AUDIT_BYTES });
  }

  async #tell(place: Place, state: SessionState): Promise<boolean> {
    const telling = await place.tell(state, this.#movable.gone);
    if (telling.kind !== 'told') this.#note('move.not-told', telling.why);
    return telling.kind === 'told';
  }

  /** True: `#place` is a session at the target that knows the state. What a standby would not take, a leader may. */
  async #findPlace(target: Target, state: SessionState, signal: AbortSignal): Promise<boolean> {
    const isTold = await this.#telling;
    if (isTold && this.#place?.member === target.bond.member) return true;
    this.#leavePlace();
    const credentials = await this.#learn(signal);
    if (credentials === null) {
      if (!signal.aborted && !this.#hasLookFailed) this.#cut('it is not known how to log in as its user');
      return false;
    }
    if (this.#deps.router.isKnownClosed(target)) return false;
    const login = await logIn(target, this.#loginWith(credentials, signal));
    if (login.kind !== 'in') {
      if (login.kind === 'refused' && !NOT_NOW.has(login.code)) this.#cut(`the new server refused its user (${login.code})`);
      else this.#note('move.no-place', login.why);
      return false;
    }
    const place = new Place(target.bond.member, login.backend);
    this.#place = place;
    const telling = await place.tell(state, signal);
    if (telling.kind === 'cut') this.#cut(telling.why);
    if (telling.kind !== 'told') this.#leavePlace();
    this.#telling = Promise.resolve(telling.kind === 'told');
    return telling.kind === 'told';
  }

  #loginWith(credentials: Credentials, signal: AbortSignal): Parameters<typeof logIn>[1] {
    return { startup: this.#movable.passenger.startup, credentials, tls: this.#deps.tls, budgetMs: LOGIN_MS, signal };
  }

  #leavePlace(): void {
    this.#place?.close();
    this.#place = null;
  }

  #cut(why: string): void {
    this.#stage = { kind: 'over' };
    this.#leavePlace();
    this.#note('move.cut', why);
    this.#movable.depose(why);
  }

  #note(event: string, why: string): void {
    this.#deps.log.info({ operation: this.#order.operation, user: this.#movable.passenger.user, why }, event);
  }
}

/** Says goodbye, and sees to it that nothing of that connection is left. Resolves when it is. */
function dismiss(server: Socket): Promise<void> {
  server.end(TERMINATE);
  server.resume();
  const timer = setTimeout(() => server.destroy(), GOODBYE_MS);
  return new Promise((resolve) => {
    server.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
