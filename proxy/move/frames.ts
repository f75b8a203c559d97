/**
 * Messages that the proxy itself says to a server when it moves a session, and the reading of the answers. Texts are latin1 strings, one
 * character a byte: they are in whatever encoding the client chose, and must never be decoded.
 */
import { FROM_CLIENT, FROM_SERVER } from '../core/message-types.ts';

export type Message = { readonly type: number; readonly body: Buffer };

/** By name, as the server reported them. */
export type Parameters = ReadonlyMap<string, string>;

const HEADER_BYTES = 5;
const TEXT_OID = 25;
const STATEMENT = 'S';

export function frame(type: number, body: string): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + body.length);
  message.writeUInt8(type, 0);
  message.writeUInt32BE(4 + body.length, 1);
  message.write(body, HEADER_BYTES, 'latin1');
  return message;
}

export const SYNC = frame(FROM_CLIENT.sync, '');

export function query(text: string): Buffer {
  return frame(FROM_CLIENT.query, `${text}\0`);
}

export function parse(name: string, text: string, types: readonly number[] = []): Buffer {
  return frame(FROM_CLIENT.parse, `${name}\0${text}\0${int16(types.length)}${types.map(int32).join('')}`);
}

/** Parse with parameters that are all texts. */
export function parseOfTexts(name: string, text: string, count: number): Buffer {
  return parse(
    name,
    text,
    Array.from({ length: count }, () => TEXT_OID),
  );
}

/** Binds texts to the unnamed portal, which no session has at a boundary, and carries it out. */
export function run(statement: string, values: readonly string[]): Buffer {
  const bound = values.map((value) => `${int32(value.length)}${value}`).join('');
  return Buffer.concat([
    frame(FROM_CLIENT.bind, `\0${statement}\0${int16(0)}${int16(values.length)}${bound}${int16(0)}`),
    frame(FROM_CLIENT.execute, `\0${int32(0)}`),
  ]);
}

export function closeStatement(name: string): Buffer {
  return frame(FROM_CLIENT.close, `${STATEMENT}${name}\0`);
}

export function describeStatement(name: string): Buffer {
  return frame(FROM_CLIENT.describe, `${STATEMENT}${name}\0`);
}

export function parameterStatus(name: string, value: string): Buffer {
  return frame(FROM_SERVER.parameterStatus, `${name}\0${value}\0`);
}

/** Null: the bytes are not a number of whole messages. */
export function splitMessages(bytes: Buffer): readonly Message[] | null {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < HEADER_BYTES) return null;
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end < at + HEADER_BYTES || end > bytes.length) return null;
    messages.push({ type: bytes[at] ?? 0, body: bytes.subarray(at + HEADER_BYTES, end) });
    at = end;
  }
  return messages;
}

/** The answers to each Sync or Query, without their ReadyForQuery. Null: one of these says that a transaction is open, or the last is missing. */
export function splitAnswers(messages: readonly Message[]): readonly (readonly Message[])[] | null {
  const answers: Message[][] = [];
  let current: Message[] = [];
  for (const message of messages) {
    if (message.type !== FROM_SERVER.readyForQuery) {
      current.push(message);
      continue;
    }
    if (message.body.toString('latin1') !== 'I') return null;
    answers.push(current);
    current = [];
  }
  return current.every(isUnasked) ? answers : null;
}

/** What a server may say at any time. */
export function isUnasked({ type }: Message): boolean {
  return type === FROM_SERVER.parameterStatus || type === FROM_SERVER.notice || type === FROM_SERVER.notification;
}

/** The columns of a DataRow; null where it is damaged. */
export function columnsOf(row: Buffer): readonly (string | null)[] | null {
  if (row.length < 2) return null;
  const count = row.readUInt16BE(0);
  const columns: (string | null)[] = [];
  let at = 2;
  for (let index = 0; index < count; index += 1) {
    if (row.length - at < 4) return null;
    const length = row.readInt32BE(at);
    at += 4;
    if (length > row.length - at) return null;
    columns.push(length < 0 ? null : row.toString('latin1', at, at + length));
    at += Math.max(length, 0);
  }
  return at === row.length ? columns : null;
}

/** What the messages report, over what was reported before. */
export function withReports(known: Parameters, messages: readonly Message[]): Parameters {
  const all = new Map(known);
  for (const { type, body } of messages) {
    if (type !== FROM_SERVER.parameterStatus) continue;
    const [name, value] = body.toString('latin1').split('\0');
    if (name !== undefined && value !== undefined) all.set(name, value);
  }
  return all;
}

function int16(value: number): string {
  return String.fromCharCode((value >> 8) & 0xff, value & 0xff);
}

function int32(value: number): string {
  return String.fromCharCode((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}
