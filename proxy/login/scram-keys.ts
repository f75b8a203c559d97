/**
 * The arithmetic of SCRAM-SHA-256 and of PostgreSQL's md5 (RFC 5802 §3, RFC 7677): keys, proofs, signatures. Secrets are compared in constant
 * time, and no key leaves here that has not been checked against the server's own.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ScramKeys } from './credentials.ts';
import type { Verifier } from './scram-text.ts';

export type ScramVerifier = Extract<Verifier, { kind: 'scram' }>;

/** A server that knows the StoredKey learns the ClientKey from every proof. Null: the proof was not made for this verifier. */
export function keysOfProof(proof: Uint8Array, authMessage: string, { storedKey, serverKey }: ScramVerifier): ScramKeys | null {
  return checked(xor(proof, hmac(storedKey, authMessage)), { storedKey, serverKey });
}

export function clientProof({ clientKey, storedKey }: ScramKeys, authMessage: string): Buffer {
  return xor(clientKey, hmac(storedKey, authMessage));
}

export function isServerSignature(signature: Buffer, { serverKey }: ScramKeys, authMessage: string): boolean {
  return isSame(signature, hmac(serverKey, authMessage));
}

/** The answer to a request for an md5 password; `verifier` as the server stores it. */
export function md5Answer(verifier: string, salt: Uint8Array): string {
  return `md5${createHash('md5').update(verifier.slice('md5'.length)).update(salt).digest('hex')}`;
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function checked(clientKey: Buffer, { storedKey, serverKey }: Pick<ScramVerifier, 'storedKey' | 'serverKey'>): ScramKeys | null {
  if (!isSame(createHash('sha256').update(clientKey).digest(), storedKey)) return null;
  return { clientKey, storedKey: Buffer.from(storedKey), serverKey: Buffer.from(serverKey) };
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}

function xor(one: Uint8Array, other: Uint8Array): Buffer {
  return Buffer.from(one.map((byte, at) => byte ^ (other[at] ?? 0)));
}
