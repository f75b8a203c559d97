/** What agents say to each other (PROTOCOL P2 "messages"), as schemas: the wire is not trusted to have the right shape. */
import { z } from 'zod';
import { epoch } from '../../shared/domain/epoch.ts';
import { lsn, parseLsn, formatLsn } from '../../shared/domain/lsn.ts';
import { parseMemberId, parseNodeName, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import { timelineId } from '../../shared/domain/timeline.ts';
import type { WalExtent } from '../../shared/domain/wal-position.ts';
import type { PromiseAnswer } from '../core/facts.ts';
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
const extent = z.object({
  history: z.object({ timeline, ancestors: z.array(z.object({ timeline, end: lsnText })).max(10_000) }),
  lsn: lsnText,
});

export const downSchema = z.object({ epoch: epochText, holder: memberText });
export const leaveSchema = z.object({ member: memberText });
export const leaveAnswerSchema = z.object({ mayGo: z.boolean() });
export const promiseSchema = z.object({
  ballot: epochText,
  from: memberText,
  recordEpoch: epochText,
  /** How long ago the requester completed a linearizable read. */
  readAgeMs: z.number().min(0).nullable(),
  trigger: z.enum(['down', 'released', 'handing-over', 'suspicion', 'ttl', 'operator']),
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

export const statusSchema = z.object({
  name: nameText,
  member: memberText,
  epoch: epochText.nullable(),
  promised: epochText,
  hasHistory: z.boolean(),
  priority: z.number(),
  extent: extent.nullable(),
  servingAsPrimary: z.boolean(),
  healthy: z.boolean(),
  holderSilentMs: z.number().min(0).nullable(),
});

function extentToWire(value: WalExtent): z.input<typeof extent> {
  return {
    history: {
      timeline: value.history.timeline,
      ancestors: value.history.ancestors.map((one) => ({ timeline: one.timeline, end: formatLsn(one.end) })),
    },
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
    epoch: status.epoch?.toString() ?? null,
    promised: status.promised.toString(),
    hasHistory: status.hasHistory,
    priority: status.priority,
    extent: status.extent === null ? null : extentToWire(status.extent),
    servingAsPrimary: status.servingAsPrimary,
    healthy: status.healthy,
    holderSilentMs: status.holderSilentMs,
  };
}
