import { describe, expect, it } from 'vitest';
import {
  beforePageHeader,
  isHeaderOnOnePage,
  isWrittenSegment,
  parseSegmentName,
  recordEnd,
  segmentOf,
  segmentStart,
  shutdownCheckpointBytes,
} from '../../../../agent/postgres/wal-file.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';

const MIB = 1_048_576;

describe('a WAL segment', () => {
  it('is named by timeline and number, for every segment size', () => {
    expect(parseSegmentName('000000050000000100000002', 16 * MIB)).toEqual({
      name: '000000050000000100000002',
      timeline: 5,
      segment: 258n,
    });
    expect(parseSegmentName('0000000A0000000100000002', 4 * MIB)?.segment).toBe(1_026n);
    expect(parseSegmentName('00000005.history', 16 * MIB)).toBeNull();
    expect(parseSegmentName('000000050000000100000002.partial', 16 * MIB)).toBeNull();
    expect(segmentStart(segmentOf(lsn(0x102000028n), 16 * MIB), 16 * MIB)).toBe(0x102000000n);
  });

  it('counts as written only with its own address and cluster in its first page', () => {
    const name = parseSegmentName('000000010000000000000003', 4 * MIB);
    if (name === null) throw new Error('a name');
    const header = Buffer.alloc(40);
    expect(isWrittenSegment(header, name, 4 * MIB, '77')).toBe(false);
    header.writeBigUInt64LE(0xc00000n, 8);
    header.writeBigUInt64LE(77n, 24);
    expect(isWrittenSegment(header, name, 4 * MIB, '77')).toBe(true);
    expect(isWrittenSegment(header, name, 4 * MIB, '78')).toBe(false);
    header.writeBigUInt64LE(0x800000n, 8);
    expect(isWrittenSegment(header, name, 4 * MIB, '77')).toBe(false);
    expect(isWrittenSegment(header.subarray(0, 8), name, 4 * MIB, '77')).toBe(false);
  });
});

describe('the header of a shutdown checkpoint', () => {
  const header = (info: number, rmgr: number, totalBytes = 114): Buffer => {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt32LE(totalBytes, 0);
    bytes.writeUInt8(info, 16);
    bytes.writeUInt8(rmgr, 17);
    return bytes;
  };

  it('tells the length, whatever flags it carries', () => {
    expect(shutdownCheckpointBytes(header(0x00, 0))).toBe(114);
    expect(shutdownCheckpointBytes(header(0x01, 0))).toBe(114);
  });

  it('is not that of an online checkpoint, of another manager, of nothing, or cut short', () => {
    expect(shutdownCheckpointBytes(header(0x10, 0))).toBeNull();
    expect(shutdownCheckpointBytes(header(0x00, 1))).toBeNull();
    expect(shutdownCheckpointBytes(Buffer.alloc(24))).toBeNull();
    expect(shutdownCheckpointBytes(header(0x00, 0).subarray(0, 20))).toBeNull();
  });

  it('lies on one page when it begins early enough', () => {
    expect(isHeaderOnOnePage(lsn(0x1001fe8n))).toBe(true);
    expect(isHeaderOnOnePage(lsn(0x1001ff0n))).toBe(false);
  });
});

describe('the end of a record', () => {
  it('is aligned', () => {
    expect(recordEnd(lsn(0x1000028n), 114, 16 * MIB)).toBe(0x10000a0n);
  });

  it('counts the header of every page it crosses, and the longer one of a segment', () => {
    expect(recordEnd(lsn(0x1001fc0n), 114, 16 * MIB)).toBe(0x1002000n + 24n + 56n);
    expect(recordEnd(lsn(0x1fffff0n), 114, 16 * MIB)).toBe(0x2000000n + 40n + 104n);
    expect(recordEnd(lsn(0x1001fc0n), 64 + 8_168 + 8, 16 * MIB)).toBe(0x1004000n + 24n + 8n);
  });

  it('at the very end of a page is the start of the next, before its header', () => {
    expect(recordEnd(lsn(0x1001f80n), 128, 16 * MIB)).toBe(0x1002000n);
    expect(beforePageHeader(lsn(0x1002018n), 16 * MIB)).toBe(0x1002000n);
    expect(beforePageHeader(lsn(0x2000028n), 16 * MIB)).toBe(0x2000000n);
    expect(beforePageHeader(lsn(0x1002020n), 16 * MIB)).toBe(0x1002020n);
  });
});
