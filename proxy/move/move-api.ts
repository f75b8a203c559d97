/**
 * What the leader's agent says to a proxy about a planned move: that it comes, and that clients be parked now. Both need the peer token. An
 * answer says only how many sessions are carried across; the leader stops whatever it says.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { epoch } from '../../shared/domain/epoch.ts';
import { parseMemberId, type MemberId } from '../../shared/domain/node-id.ts';
import { parse, requireToken } from '../../shared/http/server.ts';
import type { MoveOrder } from '../core/landing.ts';

export interface Movers {
  /** Resolves with the number of sessions that have a place at the target, or when the time is over. */
  announce(order: MoveOrder, withinMs: number): Promise<number>;
  /** Resolves with the number of sessions that are parked, when all are that can be, or when the time is over. */
  park(order: MoveOrder, withinMs: number): Promise<number>;
}

const member = z.string().transform((text, context): MemberId => {
  const parsed = parseMemberId(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: 'custom', message: 'not a member id' });
  return z.NEVER;
});

const orderBody = z.strictObject({
  operation: z.string().min(1).max(100),
  from: member,
  to: member,
  epoch: z
    .string()
    .regex(/^[0-9]{1,20}$/)
    .transform((text) => epoch(BigInt(text))),
  withinMs: z.number().int().min(1).max(3_600_000),
});

export function addMoveRoutes(app: FastifyInstance, token: string | null, movers: Movers): void {
  // Without a token nobody can be told from anybody; the sessions are then cut by the stop of the leader.
  if (token === null) return;
  const onRequest = requireToken(token);
  app.post('/move/announce', { onRequest }, async (request) => {
    const { withinMs, ...order } = parse(orderBody, request.body);
    return { sessions: await movers.announce(order, withinMs) };
  });
  app.post('/move/park', { onRequest }, async (request) => {
    const { withinMs, ...order } = parse(orderBody, request.body);
    return { sessions: await movers.park(order, withinMs) };
  });
}
