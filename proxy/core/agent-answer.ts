/**
 * The part of `GET /status` (NodeStatus) that routing reads, decoded. Pure. An answer that does not fit is null and counts as silence: a node
 * nobody understands takes no new readers.
 */
import { z } from 'zod';
import { epoch } from '../../shared/domain/epoch.ts';
import type { NodeFact } from './view.ts';

const postgresStatus = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent') }),
  z.object({ kind: z.literal('stopped') }),
  z.object({ kind: z.literal('starting') }),
  z.object({ kind: z.literal('primary'), open: z.boolean() }),
  z.object({ kind: z.literal('standby'), streaming: z.boolean() }),
  z.object({ kind: z.literal('unknown'), why: z.string() }),
]);

const nodeStatus = z.object({
  member: z.string().nullable(),
  postgres: postgresStatus,
  epoch: z
    .string()
    .regex(/^[0-9]{1,20}$/)
    .nullable(),
  lagBytes: z.number().min(0).nullable(),
});

export function decodeNodeStatus(body: unknown, askedAtMs: number): NodeFact | null {
  const decoded = nodeStatus.safeParse(body);
  if (!decoded.success) return null;
  const { member, postgres, lagBytes } = decoded.data;
  return { member, postgres, lagBytes, epoch: decoded.data.epoch === null ? null : epoch(BigInt(decoded.data.epoch)), askedAtMs };
}
