/** WAL file names, segment numbers and page headers (pure; formats: access/xlog_internal.h). */
import { lsn, type Lsn } from '../../shared/domain/lsn.ts';
import { timelineId, type TimelineId } from '../../shared/domain/timeline.ts';

export type SegmentName = { readonly name: string; readonly timeline: TimelineId; readonly segment: bigint };

const PAGE_BYTES = 8_192n;
const SHORT_HEADER_BYTES = 24n;
/** The first page of a segment. Also what has to be read of a segment to know whether it was written. */
export const LONG_HEADER_BYTES = 40;
const ALIGNMENT = 8n;
export const RECORD_HEADER_BYTES = 24;

export function segmentOf(position: Lsn, segmentBytes: number): bigint {
  return position / BigInt(segmentBytes);
}

export function segmentStart(segment: bigint, segmentBytes: number): Lsn {
  return lsn(segment * BigInt(segmentBytes));
}

export function parseSegmentName(name: string, segmentBytes: number): SegmentName | null {
  if (!/^[0-9A-F]{24}$/.test(name)) return null;
  const perLog = 0x1_0000_0000n / BigInt(segmentBytes);
  const log = BigInt(`0x${name.slice(8, 16)}`);
  const within = BigInt(`0x${name.slice(16)}`);
  return { name, timeline: timelineId(Number.parseInt(name.slice(0, 8), 16)), segment: log * perLog + within };
}

/**
 * Was this segment written as what its name says? A recycled one has the right name and the content of an older segment; a preallocated one is
 * zero.
 */
export function isWrittenSegment(header: Buffer, { segment }: SegmentName, segmentBytes: number, systemId: string): boolean {
  return (
    header.length >= LONG_HEADER_BYTES &&
    header.readBigUInt64LE(8) === segment * BigInt(segmentBytes) &&
    header.readBigUInt64LE(24) === BigInt(systemId)
  );
}

/**
 * How long the record of a shutdown checkpoint is, from its header (access/xlogrecord.h: total length, then at 16 and 17 what it is and whose). Null:
 * these bytes begin something else.
 */
export function shutdownCheckpointBytes(header: Buffer): number | null {
  if (header.length < RECORD_HEADER_BYTES) return null;
  const totalBytes = header.readUInt32LE(0);
  const isOfXlog = header.readUInt8(17) === 0;
  const isShutdownCheckpoint = (header.readUInt8(16) & 0xf0) === 0;
  return isOfXlog && isShutdownCheckpoint && totalBytes > RECORD_HEADER_BYTES ? totalBytes : null;
}

/** Does a record that begins here have its header on one page? */
export function isHeaderOnOnePage(start: Lsn): boolean {
  return PAGE_BYTES - (start % PAGE_BYTES) >= BigInt(RECORD_HEADER_BYTES);
}

/** The end of a record as PostgreSQL counts it: its bytes and every page header it crosses, rounded up to the alignment. */
export function recordEnd(start: Lsn, totalBytes: number, segmentBytes: number): Lsn {
  let position: bigint = start;
  let left = BigInt(totalBytes);
  for (;;) {
    const room = PAGE_BYTES - (position % PAGE_BYTES);
    if (left <= room) break;
    left -= room;
    position += room;
    position += headerBytes(position, segmentBytes);
  }
  const end = position + left;
  return lsn(((end + ALIGNMENT - 1n) / ALIGNMENT) * ALIGNMENT);
}

/** Where the next record would be looked for may lie behind a page header; the last record ended before it. */
export function beforePageHeader(position: Lsn, segmentBytes: number): Lsn {
  const pageStart = position - (position % PAGE_BYTES);
  return position - pageStart === headerBytes(pageStart, segmentBytes) ? lsn(pageStart) : position;
}

function headerBytes(pageStart: bigint, segmentBytes: number): bigint {
  return pageStart % BigInt(segmentBytes) === 0n ? BigInt(LONG_HEADER_BYTES) : SHORT_HEADER_BYTES;
}
