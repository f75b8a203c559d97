/**
 * A byte position in the write-ahead log (PostgreSQL documentation §8.20, pg_lsn). Meaningless without its timeline: compare
 * `WalPosition`s, not bare Lsns, unless both are known to be on one timeline.
 */
import type { Brand } from './brand.ts';

export type Lsn = Brand<bigint, 'Lsn'>;

const LSN_TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

export function lsn(bytes: bigint): Lsn {
  return bytes as Lsn;
}

/** Parses PostgreSQL's text form `16/B374D848`; null when the text is not an LSN. */
export function parseLsn(text: string): Lsn | null {
  const match = LSN_TEXT.exec(text);
  if (match === null) return null;
  return lsn((BigInt(`0x${match[1] ?? ''}`) << 32n) | BigInt(`0x${match[2] ?? ''}`));
}

export function formatLsn(value: Lsn): string {
  return `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/** Bytes from `from` to `to`, never negative, as a number (safe: a lag beyond 2^53 bytes is nobody's lag). */
export function bytesBetween(from: Lsn, to: Lsn): number {
  return to > from ? Number(to - from) : 0;
}
