/**
 * The part of `GET /status` (NodeStatus) that routing reads, decoded. Pure. An answer that does not fit is null and counts as silence: a node
 * nobody understands takes no new readers.
 */
import { z } from 'zod';
import { epoch } from '../../shared/domain/epoch.ts';
import { parseLsn } from '../../shared/domain/lsn.ts';
import { timelineId, type Ancestor } from '../../shared/domain/timeline.ts';
import type { WalExtent } from '../../shared/domain/wal-position.ts';
import type { NodeFact } from './view.ts';

const postgresStatus = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent') }),
  z.object({ kind: z.literal('stopped') }),
  z.object({ kind: z.literal('starting') }),
  z.object({ kind: z.literal('primary'), open: z.boolean() }),
  z.object({ kind: z.literal('standby'), streaming: z.boolean() }),
  z.object({ kind: z.literal('unknown'), why: z.string() }),
]);

const timelineSchema = z.number().int().min(1).max(0xffff_ffff);

const nodeStatus = z.object({
  member: z.string().nullable(),
  postgres: postgresStatus,
  epoch: z
    .string()
    .regex(/^[0-9]{1,20}$/)
    .nullable(),
  lagBytes: z.number().min(0).nullable(),
  // An agent of an older version says less; its node then serves whoever wishes for nothing.
  history: z
    .object({ timeline: timelineSchema, ancestors: z.array(z.object({ timeline: timelineSchema, end: z.string() })).max(10_000) })
    .nullable()
    .default(null),
  replayedLsn: z.string().nullable().default(null),
  seenAgeMs: z.number().min(0).nullable().default(null),
});

export function decodeNodeStatus(body: unknown, askedAtMs: number): NodeFact | null {
  const decoded = nodeStatus.safeParse(body);
  if (!decoded.success) return null;
  const { member, postgres, lagBytes, seenAgeMs } = decoded.data;
  return {
    member,
    postgres,
    lagBytes,
    epoch: decoded.data.epoch === null ? null : epoch(BigInt(decoded.data.epoch)),
    replayed: replayedOf(decoded.data),
    seenAtMs: seenAgeMs === null ? null : askedAtMs - seenAgeMs,
    askedAtMs,
  };
}

const verifierAnswer = z.object({ verifier: z.string().max(2_048).nullable() });

/** What is stored instead of a user's password; null: no password, expired, or not allowed to log in. */
export type VerifierLook =
  | { readonly kind: 'looked'; readonly verifier: string | null }
  | { readonly kind: 'failed'; readonly why: string };

/** The answer to `POST /verifier`. Its words are never repeated: they may be what must not be said. */
export function decodeVerifier(status: number, body: unknown): VerifierLook {
  const decoded = verifierAnswer.safeParse(body);
  if (status === 200 && decoded.success) return { kind: 'looked', verifier: decoded.data.verifier };
  return { kind: 'failed', why: `the agent answered with status ${String(status)} to the question for a verifier` };
}

/** Null when any part of it is missing or damaged: half a history would vouch for what it does not know. */
function replayedOf({ history, replayedLsn }: z.output<typeof nodeStatus>): WalExtent | null {
  const lsn = replayedLsn === null ? null : parseLsn(replayedLsn);
  if (history === null || lsn === null) return null;
  const ancestors = history.ancestors.flatMap(({ timeline, end: text }): Ancestor[] => {
    const end = parseLsn(text);
    return end === null ? [] : [{ timeline: timelineId(timeline), end }];
  });
  if (ancestors.length !== history.ancestors.length) return null;
  return { history: { timeline: timelineId(history.timeline), ancestors }, lsn };
}
