import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSlot,
  encodeSlot,
  readSlots,
  SLOT_BYTES,
  SLOT_FILE_BYTES,
  slotOffset,
  wholeFile,
} from '../../../../agent/node-file/slots.ts';
import { InvariantError } from '../../../../shared/assert.ts';

/** A disk that carried out only the first `bytes` of a write. */
function tornWrite(file: Buffer, slot: Buffer, offset: number, bytes: number): Buffer {
  const torn = Buffer.from(file);
  slot.copy(torn, offset, 0, bytes);
  return torn;
}

describe('the slots of the node file', () => {
  it('are empty when nothing was ever written', () => {
    expect(readSlots(Buffer.alloc(0))).toEqual({ kind: 'empty' });
    expect(readSlots(Buffer.alloc(SLOT_FILE_BYTES))).toEqual({ kind: 'empty' });
  });

  it('give back any payload', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 1_000 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (payload, generation) => {
        expect(decodeSlot(encodeSlot({ generation, payload }))).toEqual({ generation, payload });
      }),
    );
  });

  it('never share a place between a state and its successor', () => {
    for (let generation = 1n; generation < 10n; generation += 1n) expect(slotOffset(generation)).not.toBe(slotOffset(generation + 1n));
  });

  it('hold the former state or the new one, wherever a write is torn', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 1_000n }),
        fc.string({ maxLength: 400 }),
        fc.string({ maxLength: 400 }),
        fc.string({ maxLength: 400 }),
        fc.nat(),
        (generation, older, former, next, cut) => {
          const start = tornWrite(
            wholeFile({ generation, payload: older }),
            encodeSlot({ generation: generation + 1n, payload: former }),
            slotOffset(generation + 1n),
            SLOT_BYTES,
          );
          const write = encodeSlot({ generation: generation + 2n, payload: next });
          const found = readSlots(tornWrite(start, write, slotOffset(generation + 2n), cut % (write.length + 1)));
          if (found.kind !== 'found') throw new Error(found.kind);
          const whole = cut % (write.length + 1) === write.length;
          expect([generation + 1n, generation + 2n]).toContain(found.newest.generation);
          if (whole) expect(found.newest).toEqual({ generation: generation + 2n, payload: next });
          else if (found.newest.generation === generation + 1n) expect(found.newest.payload).toBe(former);
          else expect(found.newest.payload).toBe(next);
        },
      ),
    );
  });

  it('notice every single flipped bit of the newest state', () => {
    const file = wholeFile({ generation: 8n, payload: 'promised' });
    const used = encodeSlot({ generation: 8n, payload: 'promised' }).length;
    for (let bit = 0; bit < used * 8; bit += 1) {
      const damaged = Buffer.from(file);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(readSlots(damaged).kind).toBe('damaged');
    }
  });

  it('are damaged, not empty, when something stands there that is no slot', () => {
    expect(readSlots(Buffer.from('hello')).kind).toBe('damaged');
  });

  it('refuse a payload that does not fit rather than cut it', () => {
    expect(() => encodeSlot({ generation: 1n, payload: 'x'.repeat(SLOT_BYTES) })).toThrow(InvariantError);
  });
});
