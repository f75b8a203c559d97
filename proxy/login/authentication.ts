/** The messages of a login, one level below their types: what an Authentication message asks for, and what is in a password message. Pure. */
import { FROM_CLIENT, FROM_SERVER } from '../core/message-types.ts';
export type AuthRequest =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly salt: Buffer }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'sasl-continue'; readonly text: string }
  | { readonly kind: 'sasl-final'; readonly text: string }
  | { readonly kind: 'other'; readonly name: string };

const NAMES: Readonly<Record<number, string>> = { 2: 'Kerberos', 7: 'GSSAPI', 8: 'GSSAPI', 9: 'SSPI' };
const SASL = 10;
const MD5_SALT_BYTES = 4;
const MAX_MECHANISMS = 16;

/** Texts are kept one character a byte: what is signed is bytes, in whatever encoding. */
export function parseAuthRequest(bytes: Uint8Array): AuthRequest {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (body.length < 4) return { kind: 'other', name: 'a damaged request' };
  const code = body.readUInt32BE(0);
  const rest = body.subarray(4);
  switch (code) {
    case 0:
      return { kind: 'ok' };
    case 3:
      return { kind: 'cleartext' };
    case 5:
      return rest.length === MD5_SALT_BYTES ? { kind: 'md5', salt: Buffer.from(rest) } : { kind: 'other', name: 'a damaged request' };
    case SASL:
      return { kind: 'sasl', mechanisms: rest.toString('latin1').split('\0', MAX_MECHANISMS).filter(Boolean) };
    case 11:
      return { kind: 'sasl-continue', text: rest.toString('latin1') };
    case 12:
      return { kind: 'sasl-final', text: rest.toString('latin1') };
    default:
      return { kind: 'other', name: NAMES[code] ?? `method ${String(code)}` };
  }
}

/** AuthenticationSASL, as a server sends it. */
export function encodeSaslMechanisms(mechanisms: readonly string[]): Buffer {
  const names = Buffer.from(`${mechanisms.map((name) => `${name}\0`).join('')}\0`, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUInt8(FROM_SERVER.authentication, 0);
  head.writeUInt32BE(8 + names.length, 1);
  head.writeUInt32BE(SASL, 5);
  return Buffer.concat([head, names]);
}

export type SaslInitial = { readonly mechanism: string; readonly text: string };

/** Null: not a SASLInitialResponse with an initial response in it. */
export function parseSaslInitial(bytes: Uint8Array): SaslInitial | null {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameEnd = body.indexOf(0);
  const textAt = nameEnd + 5;
  if (nameEnd < 0 || textAt > body.length || body.readInt32BE(nameEnd + 1) !== body.length - textAt) return null;
  return { mechanism: body.toString('latin1', 0, nameEnd), text: body.toString('latin1', textAt) };
}

export function encodeSaslInitial({ mechanism, text }: SaslInitial): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length, 0);
  return encodePassword(Buffer.concat([Buffer.from(`${mechanism}\0`, 'latin1'), length, Buffer.from(text, 'latin1')]));
}

export function encodePassword(body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(FROM_CLIENT.loginAnswer, 0);
  header.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}
