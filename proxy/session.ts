/**
 * One client and, once there is one, its server: from the first byte to the last. It owns both sockets. It must never authenticate, never
 * answer for the server once the server has spoken, and never accept a second startup packet: after the first, bytes are only passed on.
 */
import { FROM_SERVER } from './core/message-types.ts';
import type { Socket } from 'node:net';
import { assert } from '../shared/assert.ts';
import type { WeakCommit } from '../shared/domain/commit-strength.ts';
import type { Logger } from '../shared/logging/logger.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import type { Port } from './core/admission.ts';
import { weakCommitOf } from './core/commit-strength.ts';
import { isWish, NO_WISH, readWish, type ReadWish } from './core/read-wish.ts';
import { settingsOf, withoutSettings, type Setting } from './core/startup-options.ts';
import { encodeStartup, type Opening, type Parameter } from './core/startup-parse.ts';
import type { Cancels } from './cancel.ts';
import type { ClientTls } from './client-tls.ts';
import { Inlet } from './inlet.ts';
import { Movable } from './move/movable.ts';
import { Passenger } from './move/passenger.ts';
import { PASS, Relay, type WatchVerdict } from './relay.ts';
import type { Target } from './core/route.ts';
import type { Routed } from './router.ts';
import { Seek, type Errand, type Reached, type SeekDeps } from './seek.ts';
import { ANSWER_PLAIN, ANSWER_TLS, encodePlainAnswer, encodeTlsAnswer } from './wire/answers.ts';
import { withoutChannelBinding } from './wire/channel-binding.ts';
import { cancelKey } from './wire/backend-key.ts';
import {
  COMMIT_UNKNOWN,
  DEPOSED,
  encodeFatal,
  noServer,
  protocolViolation,
  weakCommitRefused,
  wishFaulty,
  type Refusal,
} from './wire/error-response.ts';
import type { SessionInfo } from './session-info.ts';
import type { WeakCommits } from './weak-commits.ts';
import { saysWaitWasCancelled } from './wire/notice.ts';

export type SessionDeps = SeekDeps & {
  readonly cancels: Cancels;
  readonly weakCommits: WeakCommits;
  /** Null: TLS passes through to the server. */
  readonly clientTls: ClientTls | null;
  readonly log: Logger;
};

/** As PostgreSQL's authentication_timeout: a client that has not even introduced itself by then never will. */
const LOGIN_MS = 60_000;
/** How long a client that is refused may take to read why. */
const REFUSAL_LINGER_MS = 1_000;

const SHOWN = new Set(['user', 'database', 'application_name']);
/** As long as PostgreSQL's own names may be; bounds what ten thousand sessions keep. */
const SHOWN_BYTES = 63;

type Asked = { ssl: boolean; gss: boolean };

export class Session implements Routed {
  readonly port: Port;
  readonly #deps: SessionDeps;
  /** The TLS socket, once TLS has ended here. */
  #client: Socket;
  /** Null: the relay has the client. */
  #inlet: Inlet | null;
  #isSecured = false;
  readonly #onClosed: () => void;
  #seek: Seek | null = null;
  /** Reached by an SSLRequest that the server declined; waits for the client's startup packet. */
  #warm: Reached | null = null;
  #relay: Relay | null = null;
  #movable: Movable | null = null;
  #forgetWeak: (() => void) | null = null;
  #weak: WeakCommit | null = null;
  readonly #sinceMs = monotonicMs();
  /** As the client said it; for operators. */
  #parameters: readonly Parameter[] = [];

  constructor(deps: SessionDeps, port: Port, client: Socket, onClosed: () => void) {
    this.port = port;
    this.#deps = deps;
    this.#client = client;
    this.#onClosed = onClosed;
    this.#inlet = new Inlet(client);
  }

  get attached(): boolean {
    return this.#relay !== null;
  }

  get info(): SessionInfo {
    const { remoteAddress, remotePort } = this.#client;
    const said = (name: string): string | null => {
      const value = this.#parameters.find(([key]) => key === name)?.[1];
      return value === undefined ? null : Buffer.from(value, 'latin1').toString('utf8');
    };
    return {
      port: this.port,
      client: remoteAddress === undefined ? '' : `${remoteAddress}:${String(remotePort)}`,
      user: said('user'),
      database: said('database') ?? said('user'),
      application: said('application_name'),
      state: this.attached ? 'attached' : 'opening',
      server: this.attached ? this.#deps.router.memberOf(this) : null,
      weakCommit: this.#weak,
      ageMs: Math.round(monotonicMs() - this.#sinceMs),
    };
  }

  /** Resolves when the session is relaying or over. */
  async run(): Promise<void> {
    await this.#introduce();
    if (this.#relay === null) this.#close();
  }

  depose(why: string): void {
    if (this.#relay !== null) {
      this.#deps.log.debug({ port: this.port, why }, 'session.cut');
      this.#deps.router.unbind(this);
      this.#deps.router.countCut();
      this.#relay.cut(encodeFatal(DEPOSED));
      return;
    }
    this.#dropWarm();
    this.#seek?.abortAttempt();
  }

  get #opening(): Inlet {
    assert(this.#inlet !== null, 'nothing is asked of a client that is in the hands of its relay');
    return this.#inlet;
  }

  get movable(): Movable | null {
    return this.#movable;
  }

  /** The proxy is closing: clients without a server are told to go, those with one are cut. */
  shutDown(): void {
    if (this.#relay !== null) this.depose('the proxy is stopping');
    else this.#client.destroy();
  }

  async #introduce(): Promise<void> {
    const { clientTls } = this.#deps;
    const asked: Asked = { ssl: false, gss: false };
    for (;;) {
      const request = await this.#opening.request(LOGIN_MS);
      switch (request.kind) {
        case 'gone':
        case 'late':
          return;
        case 'garbage':
          this.#refuse(protocolViolation(request.why));
          return;
        case 'unsupported':
          this.#refuse({ code: '0A000', message: `unsupported frontend protocol ${String(request.major)}.${String(request.minor)}` });
          return;
        case 'gss-request':
          if (!this.#declineGss(request, asked)) return;
          break;
        case 'ssl-request':
          if (!(await (clientTls === null ? this.#askForTls(request, asked) : this.#endTls(clientTls, asked, request.length)))) return;
          break;
        case 'direct-tls':
          if (clientTls === null) return this.#attach({ kind: 'direct-tls' });
          if (!(await this.#endTls(clientTls, asked, null))) return;
          break;
        case 'cancel':
          await this.#deps.cancels.forward(
            cancelKey(request.pid, request.secret),
            this.#opening.take(request.length),
            this.#deps.router.cancelAddresses(),
          );
          return;
        case 'startup':
          await this.#startUp(request);
          return;
      }
    }
  }

  async #startUp(request: Extract<Opening, { kind: 'startup' }>): Promise<void> {
    this.#parameters = request.parameters.filter(([name, value]) => SHOWN.has(name) && value.length <= SHOWN_BYTES);
    const settings = settingsOf(request.parameters);
    const reading = readWish(settings);
    if (reading.kind === 'faulty') {
      this.#deps.router.countWish('faulty');
      this.#deps.router.countRefusal();
      this.#refuse(wishFaulty(reading.name, reading.why));
      return;
    }
    const { wish } = reading;
    const taken = this.#opening.take(request.length);
    const kept = withoutSettings(request.parameters, isWish);
    const packet = kept === request.parameters ? taken : Buffer.from(encodeStartup(request.minor, kept));
    // The server that declined TLS was chosen before anybody knew of the wish.
    if (wish !== NO_WISH) this.#dropWarm();
    // What the mode promises is known as soon as a leader is; before that, nobody is refused for it.
    if (this.#refusesWeak(settings)) return;
    const reached = await this.#find({ kind: 'startup', packet }, wish);
    if (reached === null) return;
    if (this.#refusesWeak(settings)) {
      reached.socket.destroy();
      return;
    }
    const weak = this.#weakCommit(settings);
    this.#weak = weak;
    if (weak !== null) this.#forgetWeak = this.#deps.weakCommits.enter(weak);
    this.#relayTo(reached, new Passenger(packet, kept));
  }

  /** True: the session has been refused, because its commits would be weaker than is allowed here. */
  #refusesWeak(settings: readonly Setting[]): boolean {
    const { weakCommits } = this.#deps;
    const weak = weakCommits.policy === 'forbid' ? this.#weakCommit(settings) : null;
    if (weak === null) return false;
    weakCommits.countRefusal();
    this.#deps.router.countRefusal();
    this.#refuse(weakCommitRefused(weak));
    return true;
  }

  #weakCommit(settings: readonly Setting[]): WeakCommit | null {
    const { mode } = this.#deps.router;
    return mode === null ? null : weakCommitOf(settings, mode);
  }

  /** True: the client may go on in the clear. */
  #declineGss(request: Extract<Opening, { kind: 'gss-request' }>, asked: Asked): boolean {
    if (asked.gss) {
      this.#refuse(protocolViolation('a second GSSENCRequest'));
      return false;
    }
    if (!this.#takeAlone(request.length)) return false;
    asked.gss = true;
    this.#client.write(encodePlainAnswer());
    return true;
  }

  /** `requestLength` null: TLS from the first byte. True: TLS has ended here, and the client goes on within it. */
  async #endTls(tls: ClientTls, asked: Asked, requestLength: number | null): Promise<boolean> {
    if (asked.ssl) {
      this.#refuse(protocolViolation('a second SSLRequest'));
      return false;
    }
    // What was sent ahead of the answer would count as encrypted, and whoever injected it hopes for that.
    if (requestLength !== null && this.#takeAlone(requestLength) === null) return false;
    asked.ssl = true;
    asked.gss = true;
    const raw = this.#client;
    const ahead = this.#opening.detach();
    if (requestLength !== null) raw.write(encodeTlsAnswer());
    const secured = await tls.secure(raw, ahead);
    if (secured.kind === 'failed') {
      this.#deps.log.debug({ port: this.port, why: secured.why }, 'session.no-tls');
      return false;
    }
    this.#client = secured.socket;
    this.#inlet = new Inlet(secured.socket);
    this.#isSecured = true;
    // Without a name for what is spoken, the bytes of another protocol could be played to a server that takes them for its own.
    if (requestLength !== null || secured.speaksPostgres) return true;
    this.#refuse(protocolViolation('received direct SSL connection request without ALPN protocol negotiation extension'));
    return false;
  }

  /** True: the server declined, and the client may go on in the clear. False: TLS runs, or the session is over. */
  async #askForTls(request: Extract<Opening, { kind: 'ssl-request' }>, asked: Asked): Promise<boolean> {
    if (asked.ssl) {
      this.#refuse(protocolViolation('a second SSLRequest'));
      return false;
    }
    const packet = this.#takeAlone(request.length);
    if (packet === null) return false;
    asked.ssl = true;
    const reached = await this.#find({ kind: 'ssl-request', packet });
    if (reached === null) return false;
    if (this.#opening.waitingBytes > 0) {
      // Sent before the answer was known: whoever injected these bytes hopes that they count as part of the encrypted stream.
      reached.socket.destroy();
      this.#refuse(protocolViolation('received unencrypted data after SSL request'));
      return false;
    }
    const answer = reached.firstWords[0];
    if (answer === ANSWER_PLAIN && reached.firstWords.length === 1) {
      this.#warm = reached;
      this.#client.write(encodePlainAnswer());
      return true;
    }
    if (answer !== ANSWER_TLS) this.#deps.log.warn({ target: reached.target.name, answer }, 'session.odd-tls-answer');
    this.#relayTo(reached, null);
    return false;
  }

  async #attach(errand: Errand): Promise<void> {
    const reached = await this.#find(errand);
    if (reached !== null) this.#relayTo(reached, null);
  }

  /** A server, or null when the client has been refused or has left. */
  async #find(errand: Errand, wish: ReadWish = NO_WISH): Promise<Reached | null> {
    const warm = this.#warm;
    this.#warm = null;
    this.#seek = new Seek(this.#deps, this, { errand, wish, gone: this.#opening.gone });
    const outcome = await this.#seek.run(warm);
    this.#seek = null;
    switch (outcome.kind) {
      case 'reached':
        return outcome.reached;
      case 'refused':
        this.#deps.router.countRefusal();
        this.#refuse(outcome.refusal);
        return null;
      case 'gone':
        return null;
    }
  }

  #relayTo(reached: Reached, passenger: Passenger | null): void {
    // The news that deposes this server can arrive between its first words and this line.
    if (!this.#deps.router.isBound(this)) {
      reached.socket.destroy();
      this.#refuse(noServer('the leader has just changed'));
      return;
    }
    this.#relay = new Relay({
      client: this.#client,
      server: reached.socket,
      flow: passenger?.flow ?? null,
      onLogin: passenger?.onClient ?? null,
      onWatched: (type, body) => this.#judge(reached.target, type, body),
      onClosed: () => {
        this.#close();
      },
    });
    const { router, cancels } = this.#deps;
    if (passenger !== null) this.#movable = new Movable({ session: this, passenger, relay: this.#relay, router, cancels });
    const isUncovered = this.#deps.serverTls !== 'off' && !this.#isSecured;
    this.#relay.start(isUncovered ? withoutChannelBinding(reached.firstWords) : reached.firstWords, this.#opening.detach());
    this.#inlet = null;
  }

  #judge(target: Target, type: number, body: Uint8Array): WatchVerdict {
    if (type === FROM_SERVER.notice && saysWaitWasCancelled(body)) {
      this.#deps.log.warn({ target: this.#deps.router.memberOf(this) }, 'session.commit-wait-cancelled');
      return { kind: 'end-with', error: encodeFatal(COMMIT_UNKNOWN) };
    }
    if (type === FROM_SERVER.backendKey) this.#movable?.onBackendKey(body, target);
    this.#movable?.passenger.onServer(type, body);
    return PASS;
  }

  /** The request's bytes, if nothing came behind them; the session is refused otherwise. */
  #takeAlone(length: number): Buffer | null {
    if (this.#opening.waitingBytes === length) return this.#opening.take(length);
    this.#refuse(protocolViolation('received data behind an encryption request'));
    return null;
  }

  #refuse(refusal: Refusal): void {
    this.#client.end(encodeFatal(refusal));
    this.#client.resume();
    const timer = setTimeout(() => this.#client.destroy(), REFUSAL_LINGER_MS);
    this.#client.once('close', () => {
      clearTimeout(timer);
    });
  }

  #dropWarm(): void {
    this.#warm?.socket.destroy();
    this.#warm = null;
    this.#deps.router.unbind(this);
  }

  #close(): void {
    this.#dropWarm();
    this.#movable?.close();
    this.#forgetWeak?.();
    this.#forgetWeak = null;
    if (!this.#client.writableEnded) this.#client.destroy();
    this.#onClosed();
  }
}
