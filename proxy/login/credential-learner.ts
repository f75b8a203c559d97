/**
 * Reads along while a client logs in to its server, and works out afterwards what is needed to log in again as the same user. It must never
 * change a byte of the login or throw at what it hears, and it believes nothing that does not fit the verifier: what cannot be understood, or
 * was not made for the stored password, is unlearnable, and its session is cut at a switchover instead of moved. It must never keep a password
 * that goes by in the clear: it would lie here for as long as the session lives, and a server that asks for it is asked again by nobody.
 */
import type { VerifierLook } from '../core/agent-answer.ts';
import { parseAuthRequest, parseSaslInitial, type AuthRequest } from './authentication.ts';
import type { Credentials } from './credentials.ts';
import { isSame, keysOfProof, md5Answer } from './scram-keys.ts';
import { clientFirstBare, MAX_SASL_BYTES, parseClientFinal, parseVerifier, serverNonce, type Verifier } from './scram-text.ts';

export type VerifierOf = (signal: AbortSignal) => Promise<VerifierLook>;

export type Learned = Credentials | { readonly kind: 'unlearnable'; readonly why: string };

/** Where the login is, with what has been heard of it. */
type Heard =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'asked-md5'; readonly salt: Buffer }
  | { readonly kind: 'md5'; readonly salt: Buffer; readonly answer: Buffer }
  | { readonly kind: 'asked-sasl' }
  | { readonly kind: 'scram-first'; readonly bare: string }
  | { readonly kind: 'scram-challenged'; readonly bare: string; readonly challenge: string }
  | { readonly kind: 'scram'; readonly authMessage: string; readonly proof: Buffer }
  | { readonly kind: 'unlearnable'; readonly why: string };

const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'];

export class CredentialLearner {
  #heard: Heard = { kind: 'nothing' };
  #over = false;

  /** The server has let the client in. */
  get complete(): boolean {
    return this.#over;
  }

  /** The body of an Authentication message ('R'). */
  fromServer(body: Uint8Array): void {
    if (this.#over) return;
    if (body.length > MAX_SASL_BYTES) this.#become({ kind: 'unlearnable', why: 'the server asked for more than anybody can read' });
    else this.#hearServer(parseAuthRequest(body));
  }

  /** The body of a password message ('p'): PasswordMessage, SASLInitialResponse, SASLResponse or GSSResponse. */
  fromClient(body: Uint8Array): void {
    if (this.#over) return;
    if (body.length > MAX_SASL_BYTES) this.#become({ kind: 'unlearnable', why: 'the client answered with more than anybody can read' });
    else this.#hearClient(Buffer.from(body));
  }

  /** To be asked when the client has been let in. Asks for the verifier where one is needed. After a look-up that failed it may be asked again. */
  async credentials(verifierOf: VerifierOf, signal: AbortSignal): Promise<Learned> {
    const heard = this.#heard;
    if (!this.#over) return unlearnable('the login is not over');
    if (heard.kind === 'nothing') return { kind: 'none' };
    if (heard.kind === 'unlearnable') return heard;
    const look = await verifierOf(signal);
    if (look.kind === 'failed') return unlearnable(look.why);
    if (look.verifier === null) return unlearnable('the user has no password that is valid now');
    const verifier = parseVerifier(look.verifier);
    return verifier === null ? unlearnable('the stored password is of no known kind') : match(heard, verifier);
  }

  forget(): void {
    this.#become({ kind: 'unlearnable', why: 'the login has been forgotten' });
  }

  #hearServer(request: AuthRequest): void {
    const heard = this.#heard;
    switch (request.kind) {
      case 'ok':
        this.#over = true;
        if (heard.kind.startsWith('asked') || heard.kind === 'scram-first' || heard.kind === 'scram-challenged') this.#confused();
        return;
      case 'cleartext':
        return this.#become({ kind: 'unlearnable', why: 'the server asks for the password itself' });
      case 'md5':
        return this.#ask({ kind: 'asked-md5', salt: request.salt });
      case 'sasl':
        return this.#ask({ kind: 'asked-sasl' });
      case 'sasl-continue':
        if (heard.kind !== 'scram-first' || serverNonce(request.text) === null) return this.#confused();
        return this.#become({ kind: 'scram-challenged', bare: heard.bare, challenge: request.text });
      case 'sasl-final':
        if (heard.kind !== 'scram') this.#confused();
        return;
      case 'other':
        return this.#become({ kind: 'unlearnable', why: `a login by ${request.name} cannot be repeated` });
    }
  }

  #hearClient(body: Buffer): void {
    const heard = this.#heard;
    switch (heard.kind) {
      case 'asked-md5':
        return this.#become({ kind: 'md5', salt: heard.salt, answer: withoutZero(body) });
      case 'asked-sasl':
        return this.#hearFirst(body);
      case 'scram-challenged': {
        const final = parseClientFinal(body.toString('latin1'));
        if (final === null) return this.#confused();
        const authMessage = `${heard.bare},${heard.challenge},${final.withoutProof}`;
        return this.#become({ kind: 'scram', authMessage, proof: final.proof });
      }
      case 'unlearnable':
        body.fill(0);
        return;
      case 'nothing':
      case 'md5':
      case 'scram-first':
      case 'scram':
        body.fill(0);
        return this.#confused();
    }
  }

  #hearFirst(body: Buffer): void {
    const initial = parseSaslInitial(body);
    if (initial === null) return this.#confused();
    const { mechanism, text } = initial;
    if (!MECHANISMS.includes(mechanism)) {
      return this.#become({ kind: 'unlearnable', why: `a login by ${printable(mechanism)} cannot be repeated` });
    }
    const bare = clientFirstBare(text);
    if (bare === null) return this.#confused();
    this.#become({ kind: 'scram-first', bare });
  }

  /** A server asks once. A second request would mean that what came between belongs to nobody knows which. */
  #ask(next: Heard): void {
    if (this.#heard.kind === 'nothing') this.#become(next);
    else this.#confused();
  }

  #confused(): void {
    this.#become({ kind: 'unlearnable', why: 'the login did not go as logins do' });
  }

  #become(next: Heard): void {
    const heard = this.#heard;
    // The first reason is the one that explains something.
    if (heard.kind === 'unlearnable') return;
    if (next.kind === 'unlearnable') {
      if (heard.kind === 'md5') heard.answer.fill(0);
      if (heard.kind === 'scram') heard.proof.fill(0);
    }
    this.#heard = next;
  }
}

function match(heard: Heard, verifier: Verifier): Learned {
  if (heard.kind === 'md5') {
    const fits = verifier.kind === 'md5' && isSame(heard.answer, Buffer.from(md5Answer(verifier.text, heard.salt)));
    return fits ? { kind: 'md5', verifier: verifier.text } : mismatch();
  }
  if (heard.kind !== 'scram' || verifier.kind !== 'scram') return mismatch();
  const keys = keysOfProof(heard.proof, heard.authMessage, verifier);
  return keys === null ? mismatch() : { kind: 'scram', ...keys };
}

/** Changed since the login. */
function mismatch(): Learned {
  return unlearnable('the login was not made with the stored password');
}

function unlearnable(why: string): Learned {
  return { kind: 'unlearnable', why };
}

function withoutZero(body: Buffer): Buffer {
  return body.at(-1) === 0 ? body.subarray(0, -1) : body;
}

function printable(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '?').slice(0, 40);
}
