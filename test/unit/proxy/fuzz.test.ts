/** Bytes of strangers against everything that reads them: nothing throws, nothing goes in circles, nothing keeps more than it may. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interestIn, MAX_CAPTURED_BYTES, MessageWalk } from '../../../proxy/core/message-walk.ts';
import { readWish } from '../../../proxy/core/read-wish.ts';
import { settingsOf, withoutSettings } from '../../../proxy/core/startup-options.ts';
import { encodeStartup, MAX_STARTUP_BYTES, parseOpening } from '../../../proxy/core/startup-parse.ts';
import { decodeBackendKey } from '../../../proxy/wire/backend-key.ts';
import { firstError, isJudgeable } from '../../../proxy/wire/error-response.ts';
import { saysWaitWasCancelled } from '../../../proxy/wire/notice.ts';
import { MAX_WAITING_BYTES, OpeningBuffer } from '../../../proxy/wire/opening-buffer.ts';

const RUNS = { numRuns: 3_000 };
const bytes = fc.uint8Array({ maxLength: 300 });
const code = fc.constantFrom(0x0003_0000, 0x0003_0002, 0x0003_270f, 0x0002_0000, 80_877_102, 80_877_103, 80_877_104);
const pieces = fc.array(
  fc.constantFrom('user\0', 'options\0', '-c ', 'pgbaton.after=', '00000001:0/1', '\\', '\0', ' ', '_pq_.x\0', 'synchronous_commit=off'),
  {
    maxLength: 30,
  },
);
/** Packets that are nearly right get further than noise. */
const nearly = fc.tuple(code, fc.integer({ min: -2, max: 2 }), pieces).map(([version, off, parts]) => {
  const body = Buffer.from(`${parts.join('')}\0`, 'latin1');
  const packet = Buffer.alloc(8 + body.length);
  packet.writeUInt32BE(Math.max(0, packet.length + off), 0);
  packet.writeUInt32BE(version, 4);
  body.copy(packet, 8);
  return Uint8Array.from(packet);
});
const input = fc.oneof(bytes, nearly);

describe('whatever a client sends', () => {
  it('is understood or refused, the same in one piece and in many, and what is rewritten is still a startup packet', () => {
    fc.assert(
      fc.property(input, fc.integer({ min: 1, max: 50 }), (all, step) => {
        const buffer = new OpeningBuffer();
        for (let at = 0; at < all.length; at += step) {
          expect(buffer.add(Buffer.from(all.subarray(at, at + step)))).toBe(true);
          buffer.parse();
        }
        const opening = buffer.parse();
        expect(opening).toEqual(parseOpening(all));
        if (opening.kind !== 'startup') return;
        readWish(settingsOf(opening.parameters));
        const kept = withoutSettings(opening.parameters, (name) => name.startsWith('pgbaton.'));
        const packet = encodeStartup(opening.minor, kept);
        expect(packet.length).toBeLessThanOrEqual(opening.length);
        expect(parseOpening(packet)).toMatchObject({ kind: 'startup', minor: opening.minor, parameters: kept });
        expect(buffer.takeAll().equals(Buffer.from(all))).toBe(true);
      }),
      RUNS,
    );
  });

  it('is kept up to a bound and no further, byte by byte as quickly as at once', () => {
    const buffer = new OpeningBuffer();
    const one = Buffer.from([0]);
    const startedAtMs = performance.now();
    for (let count = 0; count < MAX_WAITING_BYTES; count += 1) {
      if (!buffer.add(one)) throw new Error('refused too soon');
      if (count < MAX_STARTUP_BYTES) buffer.parse();
    }
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    expect([buffer.add(one), buffer.length]).toEqual([false, MAX_WAITING_BYTES]);
  });

  it('taken once is never written over by what comes later', () => {
    const buffer = new OpeningBuffer();
    buffer.add(Buffer.from('first'));
    const taken = buffer.take(5);
    for (let count = 0; count < 2_000; count += 1) buffer.add(Buffer.from('later'));
    expect([taken.toString(), buffer.take(5).toString()]).toEqual(['first', 'later']);
  });

  it('of 10 000 bytes of options is read in time that grows with them, not with their square', () => {
    const startedAtMs = performance.now();
    for (const text of [
      '\\'.repeat(9_000),
      ' '.repeat(9_000),
      '-c a=1 '.repeat(1_400),
      '-e'.repeat(4_500),
      '-c pgbaton.after= '.repeat(500),
    ]) {
      settingsOf([['options', text]]);
      withoutSettings([['options', text]], (name) => name.startsWith('pgbaton.'));
    }
    expect(performance.now() - startedAtMs).toBeLessThan(500);
  });
});

describe('whatever a server sends', () => {
  const watched = [0x4b, 0x4e, 0x53];

  it('is walked to its end in steps that only go forward, and no more is kept than one captured message', () => {
    const message = fc
      .tuple(fc.constantFrom(0x4b, 0x4e, 0x44, 0x53, 0), fc.integer({ min: 0, max: 40 }), bytes)
      .map(([type, length, body]) => {
        const header = Buffer.alloc(5);
        header.writeUInt8(type, 0);
        header.writeUInt32BE(length, 1);
        return Buffer.concat([header, body]);
      });
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            bytes.map((some) => Buffer.from(some)),
            message,
          ),
          { maxLength: 10 },
        ),
        (chunks) => {
          const walk = new MessageWalk(interestIn({ watched }));
          for (const chunk of chunks) {
            let turns = 0;
            for (let at = walk.feed(chunk, 0); at >= 0; at = walk.feed(chunk, at)) {
              turns += 1;
              expect(at).toBeLessThanOrEqual(chunk.length);
              expect(turns).toBeLessThanOrEqual(chunk.length);
              expect(walk.body.length).toBeLessThanOrEqual(MAX_CAPTURED_BYTES);
              decodeBackendKey(walk.body);
              saysWaitWasCancelled(walk.body);
            }
          }
        },
      ),
      RUNS,
    );
  });

  it('first is judged without an exception', () => {
    fc.assert(
      fc.property(fc.constantFrom('v', 'E', 'R', 'N', ''), bytes, (type, rest) => {
        const all = Buffer.concat([Buffer.from(type), rest]);
        if (firstError(all) !== null) expect(isJudgeable(all)).toBe(true);
      }),
      RUNS,
    );
  });
});
