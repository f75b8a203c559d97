/** The requests and one-byte answers that come before the startup packet (PostgreSQL documentation §55.2.10, §55.2.11). */
export const ANSWER_TLS = 0x53; // 'S'
export const ANSWER_PLAIN = 0x4e; // 'N'

export function encodeTlsAnswer(): Buffer {
  return Buffer.from([ANSWER_TLS]);
}

export function encodePlainAnswer(): Buffer {
  return Buffer.from([ANSWER_PLAIN]);
}
