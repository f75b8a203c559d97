/**
 * Text ↔ value for everything pgbaton keeps in etcd: one schema a record, JSON with a version, large numbers as text. Other programs of
 * other versions, and operators with etcdctl, write there too: what does not fit is `malformed`, a value, and nobody acts on it. It must
 * never repair, default or guess: a leader record read wrongly is a durability configuration read wrongly.
 *
 * Format version 1: the first.
 */
import { z } from 'zod';
import { assert } from '../assert.ts';
import { epoch, type Epoch } from '../domain/epoch.ts';
import type { HistoryEntry, LeaderRecord, NodeRecord, OperationRecord, ProxyRecord } from '../domain/leader-record.ts';
import { formatLsn, parseLsn, type Lsn } from '../domain/lsn.ts';
import { parseMemberId, type MemberId } from '../domain/node-id.ts';
import { timelineId, type TimelineId } from '../domain/timeline.ts';

export type Decoded<T> = { readonly kind: 'ok'; readonly value: T } | { readonly kind: 'malformed'; readonly why: string };

const FORMAT_VERSION = 1;
const LARGEST_TIMELINE = 0xffff_ffff;

const epochText = z.codec(
  z.string().regex(/^(0|[1-9][0-9]{0,19})$/),
  z.custom<Epoch>((value) => typeof value === 'bigint' && value >= 0n),
  {
    decode: (text) => epoch(BigInt(text)),
    encode: (value) => value.toString(),
  },
);

const lsnText = z.codec(
  z.string(),
  z.custom<Lsn>((value) => typeof value === 'bigint' && value >= 0n && value < 1n << 64n),
  {
    decode: (text, context) => {
      const value = parseLsn(text);
      if (value !== null) return value;
      context.issues.push({ code: 'custom', message: 'not an LSN', input: text });
      return z.NEVER;
    },
    encode: (value) => formatLsn(value),
  },
);

const memberIdText = z.custom<MemberId>((value) => typeof value === 'string' && parseMemberId(value) !== null, 'not a member id');

const timelineNumber = z.codec(
  z.int().min(1).max(LARGEST_TIMELINE),
  z.custom<TimelineId>((value) => typeof value === 'number'),
  {
    decode: (id) => timelineId(id),
    encode: (id) => id,
  },
);

const position = z.strictObject({ timeline: timelineNumber, lsn: lsnText });

/** A name listed twice would be counted twice, and a k that cannot be reached would block every commit for ever. */
const memberSet = z
  .strictObject({ members: z.array(memberIdText), k: z.int().min(0) })
  .refine((set) => new Set(set.members).size === set.members.length, 'a member is listed twice')
  .refine((set) => set.k <= set.members.length, 'k is larger than the number of members');

const leaderState = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('promoting') }),
  z.strictObject({ kind: z.literal('serving') }),
  z.strictObject({ kind: z.literal('released'), final: position.nullable() }),
  z.strictObject({ kind: z.literal('handing-over'), to: memberIdText, final: position }),
]);

/**
 * Strict: an agent that dropped a field it does not know would erase it with its next renewal. No character of the nonce needs escaping
 * in JSON, so it stands in the text as it is and can be searched for there (S3).
 */
const leaderSchema = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  systemId: z.string().min(1),
  epoch: epochText,
  seq: z.int().min(0),
  holder: memberIdText,
  state: leaderState,
  mode: z.enum(['quorum', 'async']),
  set: memberSet,
  timeline: timelineNumber,
  floor: position,
  barred: z.array(memberIdText),
  ttlMs: z.int().min(1),
  observed: position.nullable(),
  nonce: z.string().regex(/^[0-9A-Za-z_-]+$/),
});

const historySchema = z.object({
  version: z.literal(FORMAT_VERSION),
  epoch: epochText,
  holder: memberIdText,
  timeline: timelineNumber,
  floor: position,
  ancestors: z.array(z.strictObject({ timeline: timelineNumber, end: lsnText })),
  trigger: z.enum(['creation', 'down', 'sick', 'released', 'handing-over', 'suspicion', 'ttl', 'operator', 'repair']),
  why: z.string(),
  at: z.string(),
});

const nodeSchema = z.object({
  version: z.literal(FORMAT_VERSION),
  member: memberIdText,
  bootCount: z.int().min(0),
  pgHost: z.string().min(1),
  pgPort: z.int().min(1).max(65_535),
  agentUrl: z.url({ protocol: /^https?$/ }),
  priority: z.number(),
});

const proxySchema = z.object({
  version: z.literal(FORMAT_VERSION),
  id: z.string().min(1),
  rwPort: z.int().min(1).max(65_535),
  roPort: z.int().min(1).max(65_535),
  url: z.url({ protocol: /^https?$/ }).max(512),
});

const stage = z.enum(['requested', 'checkpointing', 'parking', 'stopping', 'draining', 'handing-over', 'promoting', 'done', 'aborted']);

const operationSchema = z.object({
  version: z.literal(FORMAT_VERSION),
  id: z.string().min(1),
  kind: z.literal('switchover'),
  from: memberIdText,
  to: memberIdText,
  stage,
  stagesMs: z.partialRecord(stage, z.number().min(0)),
  epoch: epochText,
  why: z.string().nullable(),
  requestedAt: z.string(),
});

export function encodeLeader(record: LeaderRecord): string {
  return encode(leaderSchema, record);
}

export function decodeLeader(text: string): Decoded<LeaderRecord> {
  return decode(leaderSchema, text);
}

export function encodeHistoryEntry(entry: HistoryEntry): string {
  return encode(historySchema, entry);
}

export function decodeHistoryEntry(text: string): Decoded<HistoryEntry> {
  return decode(historySchema, text);
}

export function encodeNode(record: NodeRecord): string {
  return encode(nodeSchema, record);
}

export function decodeNode(text: string): Decoded<NodeRecord> {
  return decode(nodeSchema, text);
}

export function encodeProxy(record: ProxyRecord): string {
  return encode(proxySchema, record);
}

export function decodeProxy(text: string): Decoded<ProxyRecord> {
  return decode(proxySchema, text);
}

export function encodeOperation(record: OperationRecord): string {
  return encode(operationSchema, record);
}

export function decodeOperation(text: string): Decoded<OperationRecord> {
  return decode(operationSchema, text);
}

/** A record that does not fit its own schema is our error: it must not reach the store, where nobody could read it any more. */
function encode(schema: z.ZodType, record: object): string {
  const encoded = z.safeEncode(schema, { version: FORMAT_VERSION, ...record });
  assert(encoded.success, `a record fits its schema: ${encoded.success ? '' : describe(encoded.error)}`);
  return JSON.stringify(encoded.data);
}

function decode<T extends { readonly version: 1 }>(schema: z.ZodType<T>, text: string): Decoded<Omit<T, 'version'>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: 'malformed', why: 'not JSON' };
  }
  const decoded = schema.safeParse(json);
  if (!decoded.success) return { kind: 'malformed', why: describe(decoded.error) };
  const { version: _version, ...value } = decoded.data;
  return { kind: 'ok', value };
}

function describe(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'record'}: ${issue.message}`).join('; ');
}
