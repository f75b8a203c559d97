import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interestIn, MAX_CAPTURED_BYTES, MessageWalk } from '../../../../proxy/core/message-walk.ts';

const WATCHED = 0x4b;

type Message = { readonly type: number; readonly body: Uint8Array };

function encode(messages: readonly Message[]): Buffer {
  return Buffer.concat(
    messages.map(({ type, body }) => {
      const header = Buffer.alloc(5);
      header.writeUInt8(type, 0);
      header.writeUInt32BE(body.length + 4, 1);
      return Buffer.concat([header, body]);
    }),
  );
}

/** Feeds a chunk to the end; returns the watched bodies and the offsets behind them. */
function walkOver(walk: MessageWalk, chunk: Uint8Array): { readonly offset: number; readonly body: string }[] {
  const seen: { readonly offset: number; readonly body: string }[] = [];
  for (let at = walk.feed(chunk, 0); at >= 0; at = walk.feed(chunk, at))
    seen.push({ offset: at, body: Buffer.from(walk.body).toString('hex') });
  return seen;
}

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const sorted = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

const message = fc.record({ type: fc.constantFrom(0x44, 0x5a, WATCHED, 0x4e), body: fc.uint8Array({ maxLength: 40 }) });

describe('MessageWalk', () => {
  it('finds the same watched messages at the same places however the stream is cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 40 }), (messages, cuts) => {
        const walk = new MessageWalk(interestIn({ watched: [WATCHED] }));
        const found: { readonly offset: number; readonly body: string }[] = [];
        let base = 0;
        for (const piece of pieces(encode(messages), cuts)) {
          found.push(...walkOver(walk, piece).map(({ offset, body }) => ({ offset: base + offset, body })));
          base += piece.length;
        }
        const expected: typeof found = [];
        let end = 0;
        for (const { type, body } of messages) {
          end += 5 + body.length;
          if (type === WATCHED && body.length > 0) expected.push({ offset: end, body: Buffer.from(body).toString('hex') });
        }
        expect(found).toEqual(expected);
        expect(walk.atBoundary).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is at a boundary exactly between messages, byte by byte', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (messages) => {
        const walk = new MessageWalk(interestIn({}));
        const ends = new Set<number>();
        let end = 0;
        for (const { body } of messages) ends.add((end += 5 + body.length));
        const bytes = encode(messages);
        for (let at = 0; at < bytes.length; at += 1) {
          walk.feed(bytes.subarray(at, at + 1), 0);
          expect(walk.atBoundary).toBe(ends.has(at + 1));
        }
      }),
    );
  });

  it('never claims a boundary again once the stream is not the protocol', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 3, 0x4000_0001, 0xffff_ffff), fc.uint8Array({ maxLength: 50 }), (length, rest) => {
        const walk = new MessageWalk(interestIn({ watched: [WATCHED] }));
        const header = Buffer.alloc(5);
        header.writeUInt8(0x44, 0);
        header.writeUInt32BE(length, 1);
        expect(walkOver(walk, Buffer.concat([header, rest]))).toEqual([]);
        expect(walk.atBoundary).toBe(false);
      }),
    );
  });

  it('survives random bytes in random chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (chunks) => {
        const walk = new MessageWalk(interestIn({ watched: [WATCHED] }));
        for (const chunk of chunks) walkOver(walk, chunk);
      }),
    );
  });

  it('lets a watched message that is too long flow past', () => {
    const walk = new MessageWalk(interestIn({ watched: [WATCHED] }));
    const long = encode([{ type: WATCHED, body: new Uint8Array(MAX_CAPTURED_BYTES + 1) }]);
    const longest = encode([{ type: WATCHED, body: new Uint8Array(MAX_CAPTURED_BYTES) }]);
    expect(walkOver(walk, long)).toEqual([]);
    expect(walkOver(walk, longest)).toHaveLength(1);
  });
});

describe('what a walk stops behind', () => {
  it('stops behind every noted message, empty ones too, and tells its first byte, however the stream is cut', () => {
    const noted = [0x5a, 0x31];
    const some = fc.record({ type: fc.constantFrom(0x44, 0x5a, 0x31, WATCHED), body: fc.uint8Array({ maxLength: 12 }) });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 40 }), (messages, cuts) => {
        const walk = new MessageWalk(interestIn({ noted, watched: [WATCHED] }));
        const found: { readonly type: number; readonly first: number; readonly isWatched: boolean }[] = [];
        for (const piece of pieces(encode(messages), cuts)) {
          for (let at = walk.feed(piece, 0); at >= 0; at = walk.feed(piece, at))
            found.push({ type: walk.type, first: walk.firstByte, isWatched: walk.isWatched });
        }
        const expected = messages
          .filter(({ type, body }) => noted.includes(type) || (type === WATCHED && body.length > 0))
          .map(({ type, body }) => ({ type, first: body[0] ?? 0, isWatched: type === WATCHED }));
        expect(found).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
