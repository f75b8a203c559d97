import { describe, expect, it } from 'vitest';
import { decodeNodeFile, encodeNodeFile } from '../../../../agent/node-file/codec.ts';
import type { NodeFile } from '../../../../agent/node-file/port.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../../shared/domain/leader-record.ts';
import { lsn } from '../../../../shared/domain/lsn.ts';
import { memberSet } from '../../../../shared/domain/member-set.ts';
import { memberId, parseIncarnation, parseNodeName } from '../../../../shared/domain/node-id.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';

const incarnation = parseIncarnation('0123456789ab');
const name = parseNodeName('node-1');
if (incarnation === null || name === null) throw new Error('the names are valid');
const member = memberId(name, incarnation);

const record: LeaderRecord = {
  systemId: '7412345678901234567',
  epoch: epoch(18_446_744_073_709_551_000n),
  seq: 7,
  holder: member,
  state: { kind: 'released', final: { timeline: timelineId(3), lsn: lsn(0x1_0000_0028n) } },
  mode: 'quorum',
  set: memberSet([member], 1),
  timeline: timelineId(3),
  floor: { timeline: timelineId(2), lsn: lsn(0xff_ffff_ffffn) },
  barred: [],
  ttlMs: 5_000,
  observed: null,
  nonce: 'abc',
};

const full: NodeFile = {
  incarnation,
  systemId: record.systemId,
  etcdClusterId: '99',
  etcdRevision: '123456789012345678901',
  etcdRepair: epoch(18_446_744_073_709_550_999n),
  bootCount: 4,
  promised: epoch(18_446_744_073_709_551_001n),
  accepted: record,
  promotion: { epoch: epoch(5n), timeline: timelineId(4_294_967_295), phase: 'begun' },
  dir: 'rebuilding',
  unfit: 'its WAL goes beyond the point where the newer epoch began',
  nodes: [{ member, bootCount: 3, pgHost: 'db2', pgPort: 5432, agentUrl: 'http://db2:8008', priority: 50 }],
};
const fresh: NodeFile = {
  ...full,
  systemId: null,
  etcdClusterId: null,
  etcdRepair: null,
  accepted: null,
  promotion: null,
  dir: 'absent',
  unfit: null,
  promised: epoch(0n),
};

describe('the text of a node file', () => {
  it.each([full, fresh])('gives back what was written %#', (file) => {
    expect(decodeNodeFile(encodeNodeFile(file))).toEqual({ kind: 'ok', value: file });
  });

  it.each([
    ['no JSON', (text: string) => text.slice(1)],
    ['another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['a field more', (text: string) => text.replace('{', '{"extra":1,')],
    ['a field less', (text: string) => text.replace(/"bootCount":4,/, '')],
    ['a promise that is no number', (text: string) => text.replace(/"promised":"\d+"/, '"promised":"many"')],
    ['an incarnation that is none', (text: string) => text.replace(incarnation, 'XYZ')],
    ['a damaged record', (text: string) => text.replace('released', 'resting')],
    ['an unknown state of the directory', (text: string) => text.replace('rebuilding', 'fine')],
  ])('is refused with %s', (_what, damage) => {
    const text = encodeNodeFile(full);
    expect(damage(text)).not.toBe(text);
    expect(decodeNodeFile(damage(text)).kind).toBe('malformed');
  });
});
