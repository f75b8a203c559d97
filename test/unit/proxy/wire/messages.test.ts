import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cancelKey, decodeBackendKey, encodeCancelRequest, parseCancelKey } from '../../../../proxy/wire/backend-key.ts';
import { decodeFields, DEPOSED, encodeFatal, firstError, isJudgeable } from '../../../../proxy/wire/error-response.ts';
import { saysWaitWasCancelled } from '../../../../proxy/wire/notice.ts';
import { MAX_WAITING_BYTES, OpeningBuffer } from '../../../../proxy/wire/opening-buffer.ts';

describe('ErrorResponse', () => {
  it('carries severity, code and text, ends with a zero byte, and counts its bytes right', () => {
    const bytes = encodeFatal(DEPOSED);
    expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1);
    expect(bytes.at(-1)).toBe(0);
    expect(Object.fromEntries(firstError(bytes) ?? [])).toEqual({
      S: 'FATAL',
      V: 'FATAL',
      C: '57P01',
      M: 'terminating connection due to administrator command',
    });
  });

  it('counts bytes, not characters', () => {
    const bytes = encodeFatal({ code: '57P03', message: 'größer' });
    expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1);
  });

  it('is not read before it is complete, and nothing else is taken for it', () => {
    const bytes = encodeFatal(DEPOSED);
    for (let length = 0; length < bytes.length; length += 1) expect(firstError(bytes.subarray(0, length))).toBeNull();
    expect(firstError(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]))).toBeNull();
  });

  it('is read without throwing, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        decodeFields(bytes);
        isJudgeable(Buffer.from(bytes));
        firstError(Buffer.from(bytes));
      }),
    );
  });
});

describe('BackendKeyData', () => {
  it.each([4, 32, 256])('with a secret of %i bytes matches the cancel request that carries it', (bytes) => {
    const secret = Buffer.alloc(bytes, 9);
    expect(decodeBackendKey(Buffer.concat([Buffer.from([0, 0, 0, 42]), secret]))).toBe(cancelKey(42, secret));
  });

  it('has a name that other programs can read, and nothing else is taken for one', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.uint8Array({ minLength: 4, maxLength: 256 }), (pid, secret) => {
        const key = cancelKey(pid, secret);
        expect(parseCancelKey(key)).toBe(key);
        expect(encodeCancelRequest(key).subarray(12).equals(Buffer.from(secret))).toBe(true);
      }),
    );
    for (const text of [
      '',
      '1',
      '1:',
      '1:010203',
      '01:01020304',
      '4294967296:01020304',
      '1:0102030G',
      '1:01020304\n',
      `1:${'00'.repeat(257)}`,
    ])
      expect(parseCancelKey(text)).toBeNull();
  });

  it.each([0, 7, 261])('of %i bytes is not legal', (bytes) => {
    expect(decodeBackendKey(Buffer.alloc(bytes))).toBeNull();
  });
});

describe('the notice of a cancelled commit wait', () => {
  const notice = (code: string, routine: string): Buffer => Buffer.from(`SWARNING\0VWARNING\0C${code}\0Mcanceling wait\0R${routine}\0\0`);
  it('is recognised by its code and its routine', () => {
    expect(saysWaitWasCancelled(notice('01000', 'SyncRepWaitForLSN'))).toBe(true);
    expect(saysWaitWasCancelled(notice('01000', 'SomethingElse'))).toBe(false);
    expect(saysWaitWasCancelled(notice('57P01', 'SyncRepWaitForLSN'))).toBe(false);
  });
});

describe('OpeningBuffer', () => {
  it('keeps no more than its bound', () => {
    const buffer = new OpeningBuffer();
    expect(buffer.add(Buffer.alloc(MAX_WAITING_BYTES))).toBe(true);
    expect(buffer.add(Buffer.alloc(1))).toBe(false);
    expect(buffer.length).toBe(MAX_WAITING_BYTES);
  });

  it('gives the bytes back in order, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 }), fc.nat(60), (chunks, length) => {
        const buffer = new OpeningBuffer();
        for (const chunk of chunks) buffer.add(Buffer.from(chunk));
        const whole = Buffer.concat(chunks);
        expect(Buffer.concat([buffer.take(length), buffer.takeAll()]).equals(whole)).toBe(true);
        expect(buffer.length).toBe(0);
      }),
    );
  });
});
