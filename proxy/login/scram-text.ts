/**
 * The texts of SCRAM (RFC 5802 §7, RFC 7677) and of PostgreSQL's stored verifiers, taken apart. Pure. Whatever the bytes, it must never throw:
 * they come from strangers, and a session whose login cannot be understood is only one that cannot be moved.
 */
export type Verifier =
  | { readonly kind: 'scram'; readonly iterations: number; readonly salt: Buffer; readonly storedKey: Buffer; readonly serverKey: Buffer }
  | { readonly kind: 'md5'; readonly text: string };

/** Real ones have some hundred bytes. */
export const MAX_SASL_BYTES = 2_048;
/** More would keep a thread busy for seconds; PostgreSQL's default is 4096. */
const MAX_ITERATIONS = 10_000_000;
export const KEY_BYTES = 32;

const BASE64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?';
const SCRAM_VERIFIER = new RegExp(`^SCRAM-SHA-256\\$([1-9][0-9]{0,8}):(${BASE64})\\$(${BASE64}):(${BASE64})$`);
const MD5_VERIFIER = /^md5[0-9a-f]{32}$/;
/** gs2-header: channel binding flag and an authorization identity, each followed by a comma. */
const CLIENT_FIRST = /^(?:n|y|p=[A-Za-z0-9.-]+),(?:a=[^,]*)?,(n=[^,]*,r=[!-+\--~]+(?:,.*)?)$/s;
const SERVER_FIRST = new RegExp(`^r=([!-+\\--~]+),s=(${BASE64}),i=([1-9][0-9]{0,8})(?:,.*)?$`, 's');
const CLIENT_FINAL = new RegExp(`^(c=${BASE64},r=[!-+\\--~]+(?:,.*)?),p=(${BASE64})$`, 's');
const SERVER_FINAL = new RegExp(`^v=(${BASE64})(?:,.*)?$`, 's');

/** Null: neither of the two forms in which PostgreSQL stores passwords. */
export function parseVerifier(text: string): Verifier | null {
  if (MD5_VERIFIER.test(text)) return { kind: 'md5', text };
  if (text.length > MAX_SASL_BYTES) return null;
  const [, iterations = '', salt = '', stored = '', server = ''] = SCRAM_VERIFIER.exec(text) ?? [];
  const storedKey = keyOf(stored);
  const serverKey = keyOf(server);
  if (storedKey === null || serverKey === null || Number(iterations) > MAX_ITERATIONS) return null;
  return { kind: 'scram', iterations: Number(iterations), salt: Buffer.from(salt, 'base64'), storedKey, serverKey };
}

/** The part of the client's first message that is signed. */
export function clientFirstBare(text: string): string | null {
  return text.length > MAX_SASL_BYTES ? null : (CLIENT_FIRST.exec(text)?.[1] ?? null);
}

/** The nonce of the server's first message, which begins with the client's; null: not such a message. */
export function serverNonce(text: string): string | null {
  return text.length > MAX_SASL_BYTES ? null : (SERVER_FIRST.exec(text)?.[1] ?? null);
}

export type ClientFinal = { readonly withoutProof: string; readonly proof: Buffer };

export function parseClientFinal(text: string): ClientFinal | null {
  if (text.length > MAX_SASL_BYTES) return null;
  const [, withoutProof, proofText = ''] = CLIENT_FINAL.exec(text) ?? [];
  const proof = keyOf(proofText);
  return withoutProof === undefined || proof === null ? null : { withoutProof, proof };
}

/** The server's signature; null when the text is an error or nonsense. */
export function serverSignatureOf(text: string): Buffer | null {
  return text.length > MAX_SASL_BYTES ? null : keyOf(SERVER_FINAL.exec(text)?.[1] ?? '');
}

function keyOf(base64: string): Buffer | null {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === KEY_BYTES ? bytes : null;
}
