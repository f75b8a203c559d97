/**
 * The search for a server on behalf of one client: route, dial, listen to its first words, hold and try again until there is one or the time is
 * over. As long as the client has seen nothing, everything may be tried again; it must never try again after that.
 */
import type { Socket } from 'node:net';
import type { MemberId } from '../shared/domain/node-id.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { sleep } from '../shared/runtime/deadline.ts';
import type { AgentClient } from './agent-client.ts';
import { judgeFirstError } from './core/first-reply.ts';
import { NO_WISH, type ReadWish } from './core/read-wish.ts';
import type { ReadRoute, Target } from './core/route.ts';
import { ask, dial, type Answered, type Dialled } from './dial.ts';
import type { Router, Routed } from './router.ts';
import { secure, type ServerTls } from './server-tls.ts';
import type { Turnstile } from './turnstile.ts';
import { isWhole } from './wire/channel-binding.ts';
import { firstError, isJudgeable, noServer, TOO_MANY_HELD, wishLost, wishUnmet, type Refusal } from './wire/error-response.ts';

export type Reached = {
  readonly target: Target;
  readonly socket: Socket;
  /** What the server said first; nobody has seen it yet. */ readonly firstWords: Buffer;
};

export type SeekOutcome =
  | { readonly kind: 'reached'; readonly reached: Reached }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'gone' };

/** How the server is addressed and what counts as its answer. */
export type Errand =
  /** Startup packet → the first message. */
  | { readonly kind: 'startup'; readonly packet: Buffer }
  /** SSLRequest → one byte. */
  | { readonly kind: 'ssl-request'; readonly packet: Buffer }
  /** TLS from the first byte: being connected is all that can be seen. */
  | { readonly kind: 'direct-tls' };

export type SeekTask = {
  readonly errand: Errand;
  readonly wish: ReadWish;
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
};

export type SeekDeps = {
  readonly router: Router;
  readonly agents: AgentClient;
  readonly turnstile: Turnstile;
  /** On the way to servers, for startup packets; TLS that passes through is the client's own. */
  readonly serverTls: ServerTls;
};

const CONNECT_MS = 1_000;
/** A connected server that is silent for longer is tried again, or given up; a loaded one needs a moment to fork. */
const FIRST_WORDS_MS = 5_000;
const ASK_AGENT_MS = 300;
/** Between two attempts: soon enough not to be noticed, spread so that held clients do not come in step. */
const RETRY_MIN_MS = 20;
const RETRY_SPREAD_MS = 30;
/** At a door that will open any moment. */
const DOOR_PAUSE_MS = 4;
const DOOR_WAIT_MS = 50;

type Attempt =
  | { readonly kind: 'reached'; readonly reached: Reached }
  | { readonly kind: 'failed'; readonly why: string }
  /** It is there, and lets nobody in at the moment: its agent will know first when that changes. */
  | { readonly kind: 'closed'; readonly why: string };

export class Seek {
  readonly #deps: SeekDeps;
  readonly #session: Routed;
  readonly #errand: Errand;
  readonly #gone: AbortSignal;
  readonly #avoid = new Set<MemberId>();
  #attempt: AbortController | null = null;
  readonly #wish: ReadWish;
  #heldSinceMs: number | null = null;
  /** Since when servers are there that do not show what the client wants to see; null: not so. */
  #behindSinceMs: number | null = null;
  /** The member whose agent said, before the present attempt, that it lets clients in. */
  #saidOpen: MemberId | null = null;

  constructor(deps: SeekDeps, session: Routed, { errand, wish, gone }: SeekTask) {
    this.#deps = deps;
    this.#wish = wish;
    this.#session = session;
    this.#errand = errand;
    this.#gone = gone;
    gone.addEventListener('abort', this.abortAttempt, { once: true });
  }

  /** The target of the attempt under way ceased to be one. The search itself goes on. */
  readonly abortAttempt = (): void => {
    this.#attempt?.abort();
  };

  /** `warm`: a connection that is open already, tried first. */
  async run(warm: Reached | null): Promise<SeekOutcome> {
    try {
      return await this.#search(warm);
    } finally {
      if (this.#heldSinceMs !== null) this.#deps.router.leaveHold();
      this.#gone.removeEventListener('abort', this.abortAttempt);
    }
  }

  async #search(warm: Reached | null): Promise<SeekOutcome> {
    const { router } = this.#deps;
    let open = warm;
    for (;;) {
      if (this.#gone.aborted) return { kind: 'gone' };
      const route: ReadRoute = open === null ? this.#route() : { kind: 'target', target: open.target };
      const refusal = this.#refusalOf(route);
      if (refusal !== null) return { kind: 'refused', refusal };
      let why = route.kind === 'none' || route.kind === 'behind' ? route.why : '';
      let isClosed = false;
      if (route.kind === 'target') {
        const attempt = await this.#try(route.target, open?.socket ?? null);
        if (attempt.kind === 'reached') {
          this.#countWish(attempt.reached.target);
          return attempt;
        }
        open = null;
        isClosed = attempt.kind === 'closed';
        why = `${route.target.name}: ${attempt.why}`;
        this.#avoid.add(route.target.bond.member);
      }
      if (this.#gone.aborted) return { kind: 'gone' };
      const decision = router.decideHold(this.#heldSinceMs, route.kind === 'none' ? route.waitMs : null);
      if (decision.kind !== 'wait') {
        if (route.kind !== 'behind') return { kind: 'refused', refusal: decision.kind === 'full' ? TOO_MANY_HELD : noServer(why) };
        // There is no room or no time to wait for a standby, but the leader may do.
        this.#behindSinceMs = Number.NEGATIVE_INFINITY;
        continue;
      }
      if (this.#heldSinceMs === null) {
        this.#heldSinceMs = monotonicMs();
        router.enterHold();
      }
      if (route.kind === 'target' && isClosed) await this.#waitAtTheDoor(route.target, decision.forMs);
      else await this.#wait(route, decision.forMs);
    }
  }

  #route(): ReadRoute {
    const { router } = this.#deps;
    const nowMs = monotonicMs();
    const waitedMs = this.#behindSinceMs === null ? 0 : nowMs - this.#behindSinceMs;
    const route = router.route(this.#session.port, { wish: this.#wish, waitedMs, avoid: this.#avoid });
    if (route.kind === 'behind') this.#behindSinceMs ??= nowMs;
    return route;
  }

  #refusalOf(route: ReadRoute): Refusal | null {
    switch (route.kind) {
      case 'target':
      case 'none':
      case 'behind':
        return null;
      case 'unmet':
        this.#deps.router.countWish('unmet');
        return wishUnmet(route.why);
      case 'lost':
        this.#deps.router.countWish('lost');
        return wishLost();
    }
  }

  #countWish({ bond }: Target): void {
    if (this.#wish !== NO_WISH) this.#deps.router.countWish(bond.kind === 'standby' ? 'byStandby' : 'byLeader');
  }

  async #wait(route: ReadRoute, forMs: number): Promise<void> {
    const { router } = this.#deps;
    if (route.kind === 'target') {
      // After a failure every answer of an agent would be news; the pause keeps a refused connection from being repeated in a tight circle.
      await sleep(Math.min(RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS, forMs), this.#gone);
      return;
    }
    if (route.kind === 'behind') router.hurry();
    await router.waitForNews(route.kind === 'behind' ? Math.min(forMs, route.retryMs) : forMs, this.#gone);
  }

  /** However many wait, the agent is asked one question at a time, and all of them hear its answer. */
  async #waitAtTheDoor(target: Target, forMs: number): Promise<void> {
    const { router } = this.#deps;
    await sleep(Math.min(DOOR_PAUSE_MS, forMs), this.#gone);
    router.refresh(target);
    await router.waitForNews(Math.min(DOOR_WAIT_MS, forMs), this.#gone);
  }

  async #try(target: Target, warm: Socket | null): Promise<Attempt> {
    const { router, turnstile } = this.#deps;
    if (warm === null && router.isKnownClosed(target)) return { kind: 'closed', why: 'it does not let clients in yet' };
    if (!router.bind(this.#session, target.bond)) {
      warm?.destroy();
      return { kind: 'failed', why: 'it is no longer the target' };
    }
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    let attempt: Attempt = { kind: 'failed', why: 'given up' };
    if (await turnstile.enter(signal)) {
      attempt = await this.#approach(target, warm, signal);
      turnstile.leave();
    }
    if (attempt.kind === 'reached' && signal.aborted) {
      attempt.reached.socket.destroy();
      attempt = { kind: 'failed', why: 'it is no longer the target' };
    }
    this.#attempt = null;
    if (attempt.kind !== 'reached') router.unbind(this.#session);
    return attempt;
  }

  async #approach(target: Target, warm: Socket | null, signal: AbortSignal): Promise<Attempt> {
    const dialled: Dialled = warm === null ? await this.#dial(target, signal) : { kind: 'connected', socket: warm };
    if (dialled.kind === 'failed') return dialled;
    const { socket } = dialled;
    if (this.#errand.kind === 'direct-tls') return { kind: 'reached', reached: { target, socket, firstWords: Buffer.alloc(0) } };
    const isEnough = this.#errand.kind !== 'startup' ? isOneByte : this.#deps.serverTls === 'off' ? isJudgeable : isWhole;
    const answer = await ask(socket, this.#errand.packet, { isEnough, budgetMs: FIRST_WORDS_MS, signal });
    if (answer.kind === 'failed') return answer;
    const objection = this.#errand.kind === 'startup' ? await this.#objection(target, answer) : null;
    if (objection === null) return { kind: 'reached', reached: { target, socket, firstWords: answer.bytes } };
    socket.destroy();
    return objection;
  }

  async #dial(target: Target, signal: AbortSignal): Promise<Dialled> {
    const { serverTls } = this.#deps;
    const dialled = await dial(target, CONNECT_MS, signal);
    if (dialled.kind === 'failed' || serverTls === 'off' || this.#errand.kind !== 'startup') return dialled;
    const secured = await secure(dialled.socket, target, { tls: serverTls, budgetMs: FIRST_WORDS_MS, signal });
    return secured.kind === 'failed' ? secured : { kind: 'connected', socket: secured.socket };
  }

  /** Why the answer should not reach the client but be tried again; null: it should reach the client. */
  async #objection(target: Target, answer: Extract<Answered, { kind: 'answered' }>): Promise<Exclude<Attempt, { kind: 'reached' }> | null> {
    const fields = firstError(answer.bytes);
    if (fields === null) return null;
    const why = fields.get('M') ?? 'error';
    switch (judgeFirstError(fields)) {
      case 'forward':
        return null;
      case 'retry':
        return { kind: 'failed', why };
      case 'ask-agent': {
        // The door may have opened between the server's word and the agent's. Only a refusal by a server that was said to be open *before* we
        // came is the client's own affair.
        if (this.#saidOpen === target.bond.member) return null;
        this.#saidOpen = (await this.#isOpen(target)) ? target.bond.member : null;
        return { kind: 'closed', why };
      }
    }
  }

  async #isOpen(target: Target): Promise<boolean> {
    const { agents } = this.#deps;
    if (target.bond.kind === 'leader') return await agents.isOpenPrimary(target.agentUrl, ASK_AGENT_MS);
    const fact = await agents.status(target.agentUrl, { budgetMs: ASK_AGENT_MS, fresh: false });
    return fact?.postgres.kind === 'standby' || (fact?.postgres.kind === 'primary' && fact.postgres.open);
  }
}

function isOneByte(bytes: Buffer): boolean {
  return bytes.length > 0;
}
