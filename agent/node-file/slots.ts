/**
 * How the node file lies on disk: two slots of fixed size in one preallocated file, written in turn, each with a generation and a CRC. A
 * torn write damages the slot that was being written and never the one that holds the last durable state. Bytes only: reads and writes no file.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../../shared/assert.ts';

export const SLOT_BYTES = 32_768;
export const SLOT_FILE_BYTES = 2 * SLOT_BYTES;

/** magic (8) · generation (8) · payload length (4) · CRC of generation, length and payload (4) · payload */
const MAGIC = Buffer.from('PGBATON1', 'latin1');
const HEADER_BYTES = 24;

export type Slot = { readonly generation: bigint; readonly payload: string };

export type SlotFile =
  /** Nothing was ever written: absent, or all zero. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'found'; readonly newest: Slot }
  /** There was something, and no slot of it is whole. */
  | { readonly kind: 'damaged'; readonly why: string };

export function encodeSlot({ generation, payload }: Slot): Buffer {
  const body = Buffer.from(payload, 'utf8');
  assert(body.length <= SLOT_BYTES - HEADER_BYTES, `a node file of ${String(body.length)} bytes fits into its slot`);
  const slot = Buffer.alloc(HEADER_BYTES + body.length);
  MAGIC.copy(slot, 0);
  slot.writeBigUInt64BE(generation, 8);
  slot.writeUInt32BE(body.length, 16);
  body.copy(slot, HEADER_BYTES);
  slot.writeUInt32BE(checksum(slot, body.length), 20);
  return slot;
}

/** The slot at `bytes[0]`; null when it is torn, damaged or was never written. */
export function decodeSlot(bytes: Buffer): Slot | null {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const length = bytes.readUInt32BE(16);
  if (length > bytes.length - HEADER_BYTES) return null;
  if (checksum(bytes, length) !== bytes.readUInt32BE(20)) return null;
  return { generation: bytes.readBigUInt64BE(8), payload: bytes.toString('utf8', HEADER_BYTES, HEADER_BYTES + length) };
}

export function readSlots(bytes: Buffer): SlotFile {
  const slots = [bytes.subarray(0, SLOT_BYTES), bytes.subarray(SLOT_BYTES, SLOT_FILE_BYTES)]
    .map(decodeSlot)
    .filter((slot) => slot !== null);
  const [first, second] = slots;
  if (first === undefined) {
    return bytes.every((byte) => byte === 0)
      ? { kind: 'empty' }
      : { kind: 'damaged', why: `neither of the two slots is whole (${String(bytes.length)} bytes)` };
  }
  return { kind: 'found', newest: second !== undefined && second.generation > first.generation ? second : first };
}

/** Where a generation is written: never over its predecessor. */
export function slotOffset(generation: bigint): number {
  return generation % 2n === 0n ? 0 : SLOT_BYTES;
}

/** A whole new file that holds one slot. */
export function wholeFile(slot: Slot): Buffer {
  const file = Buffer.alloc(SLOT_FILE_BYTES);
  encodeSlot(slot).copy(file, slotOffset(slot.generation));
  return file;
}

function checksum(slot: Buffer, payloadBytes: number): number {
  return crc32(slot.subarray(HEADER_BYTES, HEADER_BYTES + payloadBytes), crc32(slot.subarray(8, 20)));
}
