/**
 * ErrorResponse, written and read (PostgreSQL documentation §55.7, §55.8). The wording and SQLSTATE of what we say ourselves is chosen so that
 * drivers and pools treat it as they treat the same news from PostgreSQL: libpq tries the next host on 57P03, libraries match the text of 57P01.
 */
import { FROM_SERVER } from '../core/message-types.ts';
import { ERRORS } from '../../shared/error-codes.ts';
import type { ErrorFields } from '../core/first-reply.ts';

const HEADER_BYTES = 5;

export type Refusal = {
  readonly code: '57P01' | '57P03' | '53300' | '08P01' | '08007' | '0A000' | '42501' | '55000' | '22023';
  readonly message: string;
  /** Our own code, where there is one, for whoever looks it up. */
  readonly detail?: string;
  readonly hint?: string;
};

export const DEPOSED: Refusal = { code: '57P01', message: 'terminating connection due to administrator command' };

export function noServer(why: string): Refusal {
  return { code: '57P03', message: `the database system is not accepting connections: ${why}` };
}

export const TOO_MANY_HELD: Refusal = { code: '53300', message: 'sorry, too many clients are already waiting for a server' };

export function protocolViolation(why: string): Refusal {
  return { code: '08P01', message: why };
}

/** A commit whose wait for standbys was cancelled: its outcome is open, and a success must not be reported. */
export const COMMIT_UNKNOWN: Refusal = {
  code: '08007',
  message: 'the wait for synchronous replication was cancelled; whether the transaction is durable is not known',
};

export function weakCommitRefused(value: string): Refusal {
  const { title, hint } = ERRORS['PGB-1701'];
  return { code: '42501', message: `synchronous_commit = ${value}: ${title.toLowerCase()}`, detail: 'PGB-1701', hint };
}

export function wishUnmet(why: string): Refusal {
  return { code: '57P03', message: why, detail: 'PGB-1702', hint: ERRORS['PGB-1702'].hint };
}

export function wishLost(): Refusal {
  const { title, hint } = ERRORS['PGB-1703'];
  return { code: '55000', message: title, detail: 'PGB-1703', hint };
}

export function wishFaulty(name: string, why: string): Refusal {
  return { code: '22023', message: `${name}: ${why}`, detail: 'PGB-1704', hint: ERRORS['PGB-1704'].hint };
}

export function encodeFatal({ code, message: text, detail, hint }: Refusal): Buffer {
  const more = `${detail === undefined ? '' : `D${detail}\0`}${hint === undefined ? '' : `H${hint}\0`}`;
  const fields = `SFATAL\0VFATAL\0C${code}\0M${text}\0${more}\0`;
  const bodyBytes = Buffer.byteLength(fields);
  const message = Buffer.alloc(HEADER_BYTES + bodyBytes);
  message.writeUInt8(FROM_SERVER.error, 0);
  message.writeUInt32BE(4 + bodyBytes, 1);
  message.write(fields, HEADER_BYTES);
  return message;
}

/** The body of an ErrorResponse or NoticeResponse as code → text; what is damaged is left out. */
export function decodeFields(body: Uint8Array): ErrorFields {
  const fields = new Map<string, string>();
  for (const part of Buffer.from(body).toString('utf8').split('\0')) {
    if (part !== '') fields.set(part.slice(0, 1), part.slice(1));
  }
  return fields;
}

/** The first message that says whether the session comes about, if it is a whole ErrorResponse; null while it is not, or when it is something else. */
export function firstError(bytes: Buffer): ErrorFields | null {
  const rest = afterNegotiation(bytes);
  if (rest === null || !hasWholeMessage(rest) || rest[0] !== FROM_SERVER.error) return null;
  return decodeFields(rest.subarray(HEADER_BYTES, 1 + rest.readUInt32BE(1)));
}

/** Enough to judge by: an error has to be read to its end, of anything else the first byte will do. */
export function isJudgeable(bytes: Buffer): boolean {
  const rest = afterNegotiation(bytes);
  return rest !== null && rest.length > 0 && (rest[0] !== FROM_SERVER.error || hasWholeMessage(rest));
}

/**
 * What follows the negotiation of the version, which comes before anything else for a client that asked for more than the server knows, also for one that
 * is then turned away; null while that has not ended.
 */
export function afterNegotiation(bytes: Buffer): Buffer | null {
  if (bytes[0] !== FROM_SERVER.negotiation) return bytes;
  return hasWholeMessage(bytes) ? bytes.subarray(1 + bytes.readUInt32BE(1)) : null;
}

export function hasWholeMessage(bytes: Buffer): boolean {
  return bytes.length >= HEADER_BYTES && bytes.length >= 1 + bytes.readUInt32BE(1);
}
