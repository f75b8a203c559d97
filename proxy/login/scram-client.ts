/**
 * The client's side of one SCRAM login, made with keys instead of a password. It must never say that the server could have offered channel
 * binding but did not (`y`) on a connection with TLS, and must not believe a server that cannot prove that it knows the user.
 */
import { randomBytes } from 'node:crypto';
import type { SaslInitial } from './authentication.ts';
import type { ScramKeys } from './credentials.ts';
import { clientProof, isServerSignature } from './scram-keys.ts';
import { serverNonce, serverSignatureOf } from './scram-text.ts';

const PLAIN = 'SCRAM-SHA-256';
const BOUND = 'SCRAM-SHA-256-PLUS';
const NONCE_BYTES = 18;

export class ScramClient {
  readonly #keys: ScramKeys;
  readonly #nonce: string;
  readonly #binding: Buffer | null;
  #authMessage: string | null = null;
  #proven = false;

  private constructor(keys: ScramKeys, binding: Buffer | null, nonce: string) {
    this.#keys = keys;
    this.#binding = binding;
    this.#nonce = nonce;
  }

  /** `certificateHash`: of the server's certificate; null without TLS. Null: the server offers nothing that we can do. */
  static begin(
    keys: ScramKeys,
    { mechanisms, certificateHash }: { readonly mechanisms: readonly string[]; readonly certificateHash: Buffer | null },
    nonce = randomBytes(NONCE_BYTES).toString('base64'),
  ): ScramClient | null {
    if (certificateHash !== null && mechanisms.includes(BOUND)) return new ScramClient(keys, certificateHash, nonce);
    return mechanisms.includes(PLAIN) ? new ScramClient(keys, null, nonce) : null;
  }

  /** The server has shown that it knows the user's ServerKey. */
  get proven(): boolean {
    return this.#proven;
  }

  first(): SaslInitial {
    return { mechanism: this.#binding === null ? PLAIN : BOUND, text: `${this.#header}${this.#bare}` };
  }

  /** The client's last message; null: the server's first is no answer to ours. */
  final(serverFirst: string): string | null {
    const nonce = serverNonce(serverFirst);
    if (this.#authMessage !== null || nonce === null || !nonce.startsWith(this.#nonce) || nonce === this.#nonce) return null;
    const bound = Buffer.concat([Buffer.from(this.#header, 'latin1'), this.#binding ?? Buffer.alloc(0)]);
    const withoutProof = `c=${bound.toString('base64')},r=${nonce}`;
    this.#authMessage = `${this.#bare},${serverFirst},${withoutProof}`;
    return `${withoutProof},p=${clientProof(this.#keys, this.#authMessage).toString('base64')}`;
  }

  /** False: whoever this is does not know the user. */
  check(serverFinal: string): boolean {
    const signature = serverSignatureOf(serverFinal);
    this.#proven = this.#authMessage !== null && signature !== null && isServerSignature(signature, this.#keys, this.#authMessage);
    return this.#proven;
  }

  get #header(): string {
    return this.#binding === null ? 'n,,' : 'p=tls-server-end-point,,';
  }

  /** The server goes by the name in the startup packet. */
  get #bare(): string {
    return `n=,r=${this.#nonce}`;
  }
}
