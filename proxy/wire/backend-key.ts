/**
 * BackendKeyData and CancelRequest: how a client's cancel finds the server it belongs to. Keys are compared as bytes and never logged: whoever
 * has one may cancel that session's work. Protocol 3.0 has secrets of 4 bytes, 3.2 of up to 256.
 */
const CANCEL_REQUEST = 80_877_102;
const PID_BYTES = 4;
const MAX_SECRET_BYTES = 256;
const MAX_PID = 0xffff_ffff;

/** A text that is equal exactly when process id and secret are. */
export type CancelKey = string;

export function cancelKey(pid: number, secret: Uint8Array): CancelKey {
  return `${String(pid)}:${Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength).toString('hex')}`;
}

/** Null when the body is not a legal BackendKeyData. */
export function decodeBackendKey(body: Uint8Array): CancelKey | null {
  const secretBytes = body.length - PID_BYTES;
  if (secretBytes < 4 || secretBytes > MAX_SECRET_BYTES) return null;
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return cancelKey(view.readUInt32BE(0), body.subarray(PID_BYTES));
}

/** What another program calls a key. Null: no key is written like that. */
export function parseCancelKey(text: string): CancelKey | null {
  const [, pid = '', secret = ''] = /^(0|[1-9][0-9]{0,9}):((?:[0-9a-f]{2}){4,256})$/.exec(text) ?? [];
  return secret !== '' && Number(pid) <= MAX_PID ? text : null;
}

export function encodeCancelRequest(key: CancelKey): Buffer {
  const [pid = '', secret = ''] = key.split(':');
  const head = Buffer.alloc(12);
  const tail = Buffer.from(secret, 'hex');
  head.writeUInt32BE(head.length + tail.length, 0);
  head.writeUInt32BE(CANCEL_REQUEST, 4);
  head.writeUInt32BE(Number(pid), 8);
  return Buffer.concat([head, tail]);
}
