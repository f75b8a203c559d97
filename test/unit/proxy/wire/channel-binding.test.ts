import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWhole, withoutChannelBinding } from '../../../../proxy/wire/channel-binding.ts';

function message(type: string, body: string): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, Buffer.from(body, 'latin1')]);
}

const OFFER = message('R', '\0\0\0\u000aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
const PLAIN = message('R', '\0\0\0\u000aSCRAM-SHA-256\0\0');
const VERSION = message('v', '\0\u0003\0\0\0\0\0\0');

describe('the offer of a bound login', () => {
  it('is taken out, wherever it stands, and nothing else is', () => {
    expect(withoutChannelBinding(OFFER)).toEqual(PLAIN);
    expect(withoutChannelBinding(Buffer.concat([VERSION, OFFER]))).toEqual(Buffer.concat([VERSION, PLAIN]));
    expect(withoutChannelBinding(Buffer.concat([OFFER, PLAIN]))).toEqual(Buffer.concat([PLAIN, PLAIN]));
    for (const other of [PLAIN, message('R', '\0\0\0\0'), message('E', 'SFATAL\0\0'), OFFER.subarray(0, -1), Buffer.alloc(0)]) {
      expect(withoutChannelBinding(other)).toBe(other);
    }
  });

  it('can be found as soon as the first message is whole, with the negotiation before it', () => {
    const both = Buffer.concat([VERSION, OFFER]);
    for (let length = 0; length < both.length; length += 1) expect(isWhole(both.subarray(0, length))).toBe(false);
    expect(isWhole(both)).toBe(true);
    expect(isWhole(OFFER)).toBe(true);
  });

  it('is looked for in whatever bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => withoutChannelBinding(Buffer.from(bytes)).length <= bytes.length));
  });
});
