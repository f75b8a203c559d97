import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeStartup, MAX_STARTUP_BYTES, parseOpening } from '../../../../proxy/core/startup-parse.ts';

function packet(code: number, rest: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + rest.length, 0);
  header.writeUInt32BE(code, 4);
  return Buffer.concat([header, rest]);
}

const V3 = 0x0003_0000;

describe('parseOpening', () => {
  it.each([
    ['nothing yet', Buffer.alloc(0), { kind: 'incomplete' }],
    ['half a length word', Buffer.from([0, 0]), { kind: 'incomplete' }],
    ['a TLS hello', Buffer.from([0x16, 3, 1]), { kind: 'direct-tls' }],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n'), { kind: 'garbage', why: 'not a PostgreSQL client' }],
    ['an SSLRequest', packet(80_877_103), { kind: 'ssl-request', length: 8 }],
    ['an SSLRequest with a tail of its own', packet(80_877_103, Buffer.alloc(4)), { kind: 'garbage', why: 'invalid length of SSLRequest' }],
    ['a GSSENCRequest', packet(80_877_104), { kind: 'gss-request', length: 8 }],
    ['a length below the header', Buffer.from([0, 0, 0, 7, 0, 3, 0, 0]), { kind: 'garbage', why: 'invalid length of startup packet' }],
    [
      'a length above the limit, seen at once',
      Buffer.from([0, 0, 0x27, 0x15]),
      { kind: 'garbage', why: 'invalid length of startup packet' },
    ],
    ['a protocol 2 client', packet(0x0002_0000), { kind: 'unsupported', major: 2, minor: 0 }],
    [
      'a startup packet without its last byte',
      packet(V3, Buffer.from('user\0x\0')),
      { kind: 'garbage', why: 'invalid startup packet layout: expected terminator as last byte' },
    ],
    [
      'a startup packet with a tail',
      packet(V3, Buffer.from('user\0x\0\0y')),
      { kind: 'garbage', why: 'invalid startup packet layout: expected terminator as last byte' },
    ],
    [
      'a name without a value',
      packet(V3, Buffer.from('user\0')),
      { kind: 'garbage', why: 'invalid startup packet layout: expected terminator as last byte' },
    ],
    ['a cancel request without a key', packet(80_877_102, Buffer.alloc(4)), { kind: 'garbage', why: 'invalid length of CancelRequest' }],
    [
      'a cancel request with a key of 257 bytes',
      packet(80_877_102, Buffer.alloc(261)),
      { kind: 'garbage', why: 'invalid length of CancelRequest' },
    ],
  ] as const)('%s', (_what, bytes, expected) => {
    expect(parseOpening(bytes)).toEqual(expected);
  });

  it('reads the parameters of a startup packet, and nothing behind it', () => {
    const bytes = Buffer.concat([packet(V3, Buffer.from('user\0ann\0replication\0database\0x\0\0\0')), Buffer.from('more')]);
    const opening = parseOpening(bytes);
    expect(opening).toMatchObject({ kind: 'startup', length: bytes.length - 4, minor: 0 });
    if (opening.kind === 'startup')
      expect(opening.parameters).toEqual([
        ['user', 'ann'],
        ['replication', 'database'],
        ['x', ''],
      ]);
  });

  it('writes what it read, byte by byte, whatever the bytes', () => {
    const part = fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from([...bytes, 0]));
    const value = fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 40 }).map((bytes) => Buffer.from([...bytes, 0]));
    fc.assert(
      fc.property(fc.array(fc.tuple(part, value)), fc.integer({ min: 0, max: 0xffff }), (pairs, minor) => {
        const bytes = packet(V3 + minor, Buffer.concat([...pairs.flat(), Buffer.alloc(1)]));
        const opening = parseOpening(bytes);
        if (opening.kind !== 'startup') throw new Error(opening.kind);
        expect(Buffer.from(encodeStartup(opening.minor, opening.parameters)).equals(bytes)).toBe(true);
      }),
    );
  });

  it('accepts a greased version and unknown options: the server answers those', () => {
    expect(parseOpening(packet(0x0003_270f, Buffer.from('user\0a\0_pq_.test\0on\0\0')))).toMatchObject({ kind: 'startup', minor: 9999 });
  });

  it.each([4, 32, 256])('reads a cancel key of %i bytes', (bytes) => {
    const secret = Buffer.alloc(bytes, 7);
    const pid = Buffer.from([0, 0, 1, 2]);
    expect(parseOpening(packet(80_877_102, Buffer.concat([pid, secret])))).toEqual({
      kind: 'cancel',
      length: 12 + bytes,
      pid: 258,
      secret: Uint8Array.from(secret),
    });
  });

  it('never throws, and never waits for more than the largest packet, whatever the bytes', () => {
    const random = fc.uint8Array({ maxLength: 200 });
    const nearly = fc
      .tuple(fc.constantFrom(V3, 80_877_102, 80_877_103, 80_877_104), fc.integer({ min: 0, max: 300 }), random)
      .map(([code, length, rest]) => {
        const bytes = packet(code, rest);
        bytes.writeUInt32BE(length, 0);
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(random, nearly), (bytes) => {
        const opening = parseOpening(bytes);
        if (opening.kind === 'incomplete') expect(bytes.length).toBeLessThan(MAX_STARTUP_BYTES);
        if ('length' in opening) expect(opening.length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('says the same about a whole packet however it arrived', () => {
    const whole = packet(V3, Buffer.from('user\0ann\0database\0b\0\0'));
    for (let length = 0; length < whole.length; length += 1) expect(parseOpening(whole.subarray(0, length)).kind).toBe('incomplete');
    expect(parseOpening(whole).kind).toBe('startup');
  });
});
