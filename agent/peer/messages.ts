/** What agents say to each other (PROTOCOL P2 "messages"), as schemas: the wire is not trusted to have the right shape. */
import { z } from 'zod';
import { decodeLeader, encodeLeader } from '../../shared/dcs/records.ts';
import { epoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord, RecordMark } from '../../shared/domain/leader-record.ts';
import { lsn, parseLsn, formatLsn } from '../../shared/domain/lsn.ts';
import { parseMemberId, parseNodeName, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import { timelineId, type TimelineHistory } from '../../shared/domain/timeline.ts';
import type { WalExtent } from '../../shared/domain/wal-position.ts';
import type { PromiseAnswer } from '../core/facts.ts';
import type { Witness } from '../core/repair.ts';
import type { StatusReply } from '../machine/asks.ts';

const epochText = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform((text) => epoch(BigInt(text)));
const lsnText = z.string().transform((text, context) => {
  const value = parseLsn(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not an LSN' });
  return z.NEVER;
});
const memberText = z.string().transform((text, context): MemberId => {
  const value = parseMemberId(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not a member id' });
  return z.NEVER;
});
const nameText = z.string().transform((text, context): NodeName => {
  const value = parseNodeName(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not a node name' });
  return z.NEVER;
});
const timeline = z.number().int().min(1).transform(timelineId);
const history = z.object({ timeline, ancestors: z.array(z.object({ timeline, end: lsnText })).max(10_000) });
const extent = z.object({ history, lsn: lsnText });

export const downSchema = z.object({ epoch: epochText, holder: memberText, why: z.enum(['down', 'sick']) });
export const leaveSchema = z.object({ member: memberText });
export const leaveAnswerSchema = z.object({ mayGo: z.boolean() });
export const promiseSchema = z.object({
  ballot: epochText,
  from: memberText,
  recordEpoch: epochText,
  /** How long ago the requester completed a linearizable read. */
  readAgeMs: z.number().min(0).nullable(),
  trigger: z.enum(['down', 'sick', 'released', 'handing-over', 'suspicion', 'ttl', 'operator']),
});

export const answerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('promised'),
    member: memberText,
    name: nameText,
    promised: epochText,
    extent,
    priority: z.number(),
    acceptedEpoch: epochText.nullable(),
  }),
  z.object({ kind: z.literal('refused'), why: z.string() }),
]);

const leaderText = z.string().transform((text, context): LeaderRecord => {
  const decoded = decodeLeader(text);
  if (decoded.kind === 'ok') return decoded.value;
  context.addIssue({ code: 'custom', message: decoded.why });
  return z.NEVER;
});
const mark = z.object({ epoch: epochText, seq: z.int().min(0) });

export const testimonySchema = z.object({
  name: nameText,
  member: memberText,
  promised: epochText,
  /** In the record's own encoding. */
  accepted: leaderText.nullable(),
  history: history.nullable(),
  trusts: mark.nullable(),
});

export const statusSchema = z.object({
  name: nameText,
  member: memberText,
  systemId: z.string().nullable(),
  epoch: epochText.nullable(),
  promised: epochText,
  accepted: mark.nullable(),
  priority: z.number(),
  extent: extent.nullable(),
  leads: z.boolean(),
  servingAsPrimary: z.boolean(),
  healthy: z.boolean(),
  holderSilentMs: z.number().min(0).nullable(),
});

function historyToWire({ timeline: id, ancestors }: TimelineHistory): z.input<typeof history> {
  return { timeline: id, ancestors: ancestors.map((one) => ({ timeline: one.timeline, end: formatLsn(one.end) })) };
}

function markToWire({ epoch: value, seq }: RecordMark): z.input<typeof mark> {
  return { epoch: value.toString(), seq };
}

export function testimonyToWire(witness: Witness): z.input<typeof testimonySchema> {
  return {
    name: witness.name,
    member: witness.member,
    promised: witness.promised.toString(),
    accepted: witness.accepted === null ? null : encodeLeader(witness.accepted),
    history: witness.history === null ? null : historyToWire(witness.history),
    trusts: witness.trusts === null ? null : markToWire(witness.trusts),
  };
}

function extentToWire(value: WalExtent): z.input<typeof extent> {
  return {
    history: historyToWire(value.history),
    lsn: formatLsn(lsn(value.lsn)),
  };
}

export function answerToWire(answer: PromiseAnswer): z.input<typeof answerSchema> {
  return {
    kind: 'promised',
    member: answer.member,
    name: answer.name,
    promised: answer.promised.toString(),
    extent: extentToWire(answer.extent),
    priority: answer.priority,
    acceptedEpoch: answer.acceptedEpoch?.toString() ?? null,
  };
}

export function statusToWire(status: StatusReply): z.input<typeof statusSchema> {
  return {
    name: status.name,
    member: status.member,
    systemId: status.systemId,
    epoch: status.epoch?.toString() ?? null,
    promised: status.promised.toString(),
    accepted: status.accepted === null ? null : markToWire(status.accepted),
    priority: status.priority,
    extent: status.extent === null ? null : extentToWire(status.extent),
    leads: status.leads,
    servingAsPrimary: status.servingAsPrimary,
    healthy: status.healthy,
    holderSilentMs: status.holderSilentMs,
  };
}
