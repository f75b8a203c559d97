/**
 * Logs in to a server as the user of a connected client, with what was learned from the client's own login, and hands over the idle session.
 * It must never leave a socket behind when it fails or is given up, and never put a secret into what it says about the failure.
 */
import { FROM_SERVER } from '../core/message-types.ts';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { withDeadline } from '../../shared/runtime/deadline.ts';
import { dial, type Address } from '../dial.ts';
import { secure, type ServerTls } from '../server-tls.ts';
import { decodeBackendKey, type CancelKey } from '../wire/backend-key.ts';
import { decodeFields } from '../wire/error-response.ts';
import { encodePassword, encodeSaslInitial, parseAuthRequest, type AuthRequest } from './authentication.ts';
import { certificateHash } from './certificate-hash.ts';
import type { Credentials } from './credentials.ts';
import { md5Answer } from './scram-keys.ts';
import { ScramClient } from './scram-client.ts';
import { ServerVoice, type ServerMessage } from './server-voice.ts';

export type LoginOptions = {
  /** The client's own startup packet: same protocol version, same parameters. */
  readonly startup: Buffer;
  readonly credentials: Credentials;
  readonly tls: ServerTls;
  readonly budgetMs: number;
  readonly signal: AbortSignal;
};

/** A session of the server that waits for its first request. */
export type Backend = {
  /** Paused, and nothing of what it said is lost. With TLS it is the TLS socket. */
  readonly socket: Socket;
  /** What the server reported, one character a byte. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly key: CancelKey | null;
  /** The minor version that the server proposed instead of the client's; null: it took the client's. */
  readonly negotiatedMinor: number | null;
};

export type LoginOutcome =
  | { readonly kind: 'in'; readonly backend: Backend }
  /** The server said no; `code` is its SQLSTATE. */
  | { readonly kind: 'refused'; readonly code: string; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

type Ended = Exclude<LoginOutcome, { kind: 'in' }>;

const IDLE = 0x49; // 'I'
/** PostgreSQL reports fewer than twenty; a server that does not stop is none. */
const MAX_MESSAGES = 1_000;

export async function logIn(address: Address, options: LoginOptions): Promise<LoginOutcome> {
  const outcome = await withDeadline((signal) => attempt(address, { ...options, signal }), options.budgetMs, options.signal);
  switch (outcome.kind) {
    case 'done':
      return outcome.value;
    case 'timed-out':
      return failed(`no login within ${String(options.budgetMs)} ms`);
    case 'aborted':
      return failed('given up');
  }
}

async function attempt(address: Address, options: LoginOptions): Promise<LoginOutcome> {
  const { budgetMs, signal, tls } = options;
  const untilMs = monotonicMs() + budgetMs;
  const dialled = await dial(address, budgetMs, signal);
  if (dialled.kind === 'failed') return dialled;
  const raw = dialled.socket;
  // Ends every wait below. It stays: nobody takes the session when the time is over in the moment in which it is ready.
  const onAbort = (): void => {
    raw.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) return giveUp(raw);
  let socket: Socket = raw;
  if (tls !== 'off') {
    const secured = await secure(raw, address, { tls, budgetMs: Math.max(1, untilMs - monotonicMs()), signal });
    if (secured.kind === 'failed') return secured;
    socket = secured.socket;
  }
  const outcome = await new Login(socket, options).run();
  if (outcome.kind !== 'in') {
    socket.destroy();
    raw.destroy();
  }
  return outcome;
}

class Login {
  readonly #socket: Socket;
  readonly #startup: Buffer;
  readonly #credentials: Credentials;
  readonly #voice: ServerVoice;
  readonly #parameters = new Map<string, string>();
  #scram: ScramClient | null = null;
  #isIn = false;
  #key: CancelKey | null = null;
  #negotiatedMinor: number | null = null;

  constructor(socket: Socket, { credentials, startup }: LoginOptions) {
    this.#socket = socket;
    this.#startup = startup;
    this.#credentials = credentials;
    this.#voice = new ServerVoice(socket);
  }

  async run(): Promise<LoginOutcome> {
    this.#socket.write(this.#startup);
    let isReady = false;
    for (let count = 0; count < MAX_MESSAGES; count += 1) {
      const message = await this.#voice.next();
      if (message === null) return failed('the server closed the connection during the login');
      if (message.type === FROM_SERVER.readyForQuery) {
        if (!this.#isIn || isReady || message.body[0] !== IDLE) return confused(message);
        isReady = true;
      } else {
        const ended = this.#hear(message);
        if (ended !== null) return ended;
      }
      // What the server reports unasked can follow at once; it is taken in, so that the next byte read is an answer.
      if (isReady && !this.#voice.hasMore) return { kind: 'in', backend: this.#backend() };
    }
    return failed('the server does not come to an end of its greeting');
  }

  #backend(): Backend {
    return { socket: this.#socket, parameters: this.#parameters, key: this.#key, negotiatedMinor: this.#negotiatedMinor };
  }

  #hear(message: ServerMessage): Ended | null {
    const { body, type } = message;
    switch (type) {
      case FROM_SERVER.authentication:
        return this.#isIn ? confused(message) : this.#answer(parseAuthRequest(body));
      case FROM_SERVER.error: {
        const fields = decodeFields(body);
        return { kind: 'refused', code: fields.get('C') ?? 'XX000', why: fields.get('M') ?? 'error' };
      }
      case FROM_SERVER.notice:
        return null;
      case FROM_SERVER.negotiation:
        if (body.length < 4 || this.#isIn) return confused(message);
        this.#negotiatedMinor = body.readUInt32BE(0) & 0xffff;
        return null;
      case FROM_SERVER.parameterStatus: {
        const [name = '', value = ''] = body.toString('latin1').split('\0', 2);
        this.#parameters.set(name, value);
        return null;
      }
      case FROM_SERVER.backendKey:
        this.#key = decodeBackendKey(body);
        return null;
      default:
        return confused(message);
    }
  }

  #answer(request: AuthRequest): Ended | null {
    const credentials = this.#credentials;
    switch (request.kind) {
      case 'ok':
        // Skipping its own proof is what somebody does who cannot give it.
        if (this.#scram?.proven === false) return failed('the server did not prove that it knows the user');
        this.#isIn = true;
        return null;
      case 'md5':
        if (credentials.kind !== 'md5') return wrongMethod('an md5 password');
        this.#socket.write(encodePassword(Buffer.from(`${md5Answer(credentials.verifier, request.salt)}\0`)));
        return null;
      case 'sasl':
        return this.#beginScram(request.mechanisms);
      case 'sasl-continue': {
        const final = this.#scram?.final(request.text) ?? null;
        if (final === null) return failed('the server does not follow the rules of SCRAM');
        this.#socket.write(encodePassword(Buffer.from(final, 'latin1')));
        return null;
      }
      case 'sasl-final':
        return this.#scram?.check(request.text) === true ? null : failed('the server did not prove that it knows the user');
      case 'cleartext':
        return wrongMethod('the password itself');
      case 'other':
        return wrongMethod(request.name);
    }
  }

  #beginScram(mechanisms: readonly string[]): Ended | null {
    if (this.#credentials.kind !== 'scram' || this.#scram !== null) return wrongMethod('SCRAM');
    const certificate = this.#socket instanceof TLSSocket ? this.#socket.getPeerX509Certificate() : undefined;
    const bound = certificate === undefined ? null : certificateHash(certificate.raw);
    this.#scram = ScramClient.begin(this.#credentials, { mechanisms, certificateHash: bound });
    if (this.#scram === null) return wrongMethod(mechanisms.join(', '));
    this.#socket.write(encodeSaslInitial(this.#scram.first()));
    return null;
  }
}

function wrongMethod(what: string): Ended {
  return failed(`the server asks for ${what}, which is not known here`);
}

function confused({ type }: ServerMessage): Ended {
  return failed(`the server sent an unexpected message of type ${String(type)} during the login`);
}

function giveUp(socket: Socket): Ended {
  socket.destroy();
  return failed('given up');
}

function failed(why: string): Extract<LoginOutcome, { kind: 'failed' }> {
  return { kind: 'failed', why };
}
