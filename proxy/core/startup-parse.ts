/**
 * What the first bytes of a connection are (PostgreSQL documentation §55.2, §55.7): one pure function from the bytes received so far to one
 * answer. Whatever the bytes, it must never throw, never read past their end and never ask for more than the largest legal packet.
 */
/** Name and value as the client sent them, one character a byte: nobody says in which encoding they are, and they must survive the way. */
export type Parameter = readonly [name: string, value: string];

export type Opening =
  | { readonly kind: 'incomplete' }
  /** A TLS record without an SSLRequest before it (PostgreSQL 17). */
  | { readonly kind: 'direct-tls' }
  | { readonly kind: 'ssl-request'; readonly length: number }
  | { readonly kind: 'gss-request'; readonly length: number }
  | { readonly kind: 'cancel'; readonly length: number; readonly pid: number; readonly secret: Uint8Array }
  | { readonly kind: 'startup'; readonly length: number; readonly minor: number; readonly parameters: readonly Parameter[] }
  | { readonly kind: 'unsupported'; readonly major: number; readonly minor: number }
  | { readonly kind: 'garbage'; readonly why: string };

const TLS_HANDSHAKE_RECORD = 0x16;
const CANCEL_CODE = 80_877_102;
const SSL_CODE = 80_877_103;
const GSS_CODE = 80_877_104;
/** PostgreSQL's own limit, the length word included. */
export const MAX_STARTUP_BYTES = 10_004;
const MIN_PACKET_BYTES = 8;
const CANCEL_HEADER_BYTES = 12;
const MAX_SECRET_BYTES = 256;

export function parseOpening(bytes: Uint8Array): Opening {
  const first = bytes[0];
  if (first === undefined) return { kind: 'incomplete' };
  if (first === TLS_HANDSHAKE_RECORD) return { kind: 'direct-tls' };
  // No legal length reaches 2^24: an HTTP request or a port scanner is recognised by its first byte, and not waited for.
  if (first !== 0) return { kind: 'garbage', why: 'not a PostgreSQL client' };
  if (bytes.length < 4) return { kind: 'incomplete' };
  const length = readUint32(bytes, 0);
  if (length < MIN_PACKET_BYTES || length > MAX_STARTUP_BYTES) return { kind: 'garbage', why: 'invalid length of startup packet' };
  if (bytes.length < MIN_PACKET_BYTES) return { kind: 'incomplete' };
  const code = readUint32(bytes, 4);
  switch (code) {
    case SSL_CODE:
      return length === MIN_PACKET_BYTES ? { kind: 'ssl-request', length } : { kind: 'garbage', why: 'invalid length of SSLRequest' };
    case GSS_CODE:
      return length === MIN_PACKET_BYTES ? { kind: 'gss-request', length } : { kind: 'garbage', why: 'invalid length of GSSENCRequest' };
    case CANCEL_CODE:
      return parseCancel(bytes, length);
    default:
      return parseStartup(bytes, length, code);
  }
}

function parseCancel(bytes: Uint8Array, length: number): Opening {
  const secretBytes = length - CANCEL_HEADER_BYTES;
  if (secretBytes < 4 || secretBytes > MAX_SECRET_BYTES) return { kind: 'garbage', why: 'invalid length of CancelRequest' };
  if (bytes.length < length) return { kind: 'incomplete' };
  return { kind: 'cancel', length, pid: readUint32(bytes, 8), secret: Uint8Array.from(bytes.subarray(CANCEL_HEADER_BYTES, length)) };
}

function parseStartup(bytes: Uint8Array, length: number, code: number): Opening {
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== 3) return { kind: 'unsupported', major, minor };
  if (bytes.length < length) return { kind: 'incomplete' };
  const parameters = parseParameters(bytes, MIN_PACKET_BYTES, length);
  if (parameters === null) return { kind: 'garbage', why: 'invalid startup packet layout: expected terminator as last byte' };
  return { kind: 'startup', length, minor, parameters };
}

/** Name and value pairs, each ended by a zero byte, and one more zero byte at the very end; null when the layout is anything else. */
function parseParameters(bytes: Uint8Array, from: number, end: number): readonly Parameter[] | null {
  const parameters: Parameter[] = [];
  let at = from;
  while (at < end && bytes[at] !== 0) {
    const nameEnd = bytes.indexOf(0, at);
    if (nameEnd < 0 || nameEnd + 1 >= end) return null;
    const valueEnd = bytes.indexOf(0, nameEnd + 1);
    if (valueEnd < 0 || valueEnd >= end) return null;
    parameters.push([text(bytes, at, nameEnd), text(bytes, nameEnd + 1, valueEnd)]);
    at = valueEnd + 1;
  }
  return at === end - 1 ? parameters : null;
}

/** The same packet with other parameters. The minor version is the client's affair and stays. */
export function encodeStartup(minor: number, parameters: readonly Parameter[]): Uint8Array {
  const body = `${parameters.map(([name, value]) => `${name}\0${value}\0`).join('')}\0`;
  const length = MIN_PACKET_BYTES + body.length;
  const packet = new Uint8Array(length);
  new DataView(packet.buffer).setUint32(0, length);
  new DataView(packet.buffer).setUint32(4, ((3 << 16) | minor) >>> 0);
  for (let at = 0; at < body.length; at += 1) packet[MIN_PACKET_BYTES + at] = body.charCodeAt(at);
  return packet;
}

function text(bytes: Uint8Array, from: number, end: number): string {
  return Array.from(bytes.subarray(from, end), (byte) => String.fromCharCode(byte)).join('');
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}
