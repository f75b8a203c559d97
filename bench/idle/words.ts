/** The words of the protocol that an idle session and the server it leads to exchange. Pure. */

export const SSL_REQUEST_CODE = 80_877_103;
export const QUERY_TYPE = 0x51;
export const TERMINATE_TYPE = 0x58;
const READY_TYPE = 0x5a;
const ERROR_TYPE = 0x45;

const PROTOCOL_3_0 = 196_608;
const HEADER_BYTES = 5;
const LENGTH_BYTES = 4;

function message(type: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(HEADER_BYTES);
  head.write(type, 'latin1');
  head.writeUInt32BE(bytes.length + LENGTH_BYTES, 1);
  return Buffer.concat([head, bytes]);
}

export const SSL_DECLINED = Buffer.from('N');
/** What PostgreSQL reports to everybody; PgBouncer hands it on. */
const PARAMETERS = [
  ['server_version', '17.0'],
  ['server_encoding', 'UTF8'],
  ['client_encoding', 'UTF8'],
  ['application_name', ''],
  ['DateStyle', 'ISO, MDY'],
  ['TimeZone', 'UTC'],
  ['integer_datetimes', 'on'],
  ['standard_conforming_strings', 'on'],
] as const;

const READY = message('Z', 'I');
export const LOGIN_DONE = Buffer.concat([
  message('R', Buffer.alloc(4)),
  ...PARAMETERS.map(([name, value]) => message('S', `${name}\0${value}\0`)),
  message('K', Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])),
  READY,
]);
export const QUERY_DONE = Buffer.concat([message('I', ''), READY]);

export function startupPacket(user: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0postgres\0application_name\0idle\0\0`);
  const head = Buffer.alloc(2 * LENGTH_BYTES);
  head.writeUInt32BE(body.length + head.length);
  head.writeUInt32BE(PROTOCOL_3_0, LENGTH_BYTES);
  return Buffer.concat([head, body]);
}

export const EMPTY_QUERY = message('Q', '\0');

/** How many times the server said that it is ready, or that it said an error. `rest` begins with the message that has not come to its end. */
export function hear(bytes: Buffer): { readonly ready: number; readonly refused: boolean; readonly rest: Buffer } {
  let at = 0;
  let ready = 0;
  let refused = false;
  while (bytes.length - at >= HEADER_BYTES) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    if (bytes[at] === READY_TYPE) ready += 1;
    if (bytes[at] === ERROR_TYPE) refused = true;
    at = end;
  }
  return { ready, refused, rest: bytes.subarray(at) };
}
