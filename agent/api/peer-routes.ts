/**
 * The ear of an agent: messages from other agents (PROTOCOL P2). All of them need the peer token. `down` and `claimed` are hints that wake
 * the loop; only `promise` is waited for, until it is kept.
 */
import type { FastifyInstance } from 'fastify';
import { parse, requireToken } from '../../shared/http/server.ts';
import type { Facts } from '../core/facts.ts';
import type { AgentLoop } from '../loop/agent-loop.ts';
import { answerToWire, downSchema, leaveSchema, promiseSchema, statusToWire, testimonyToWire } from '../peer/messages.ts';
import { peerStatusOf, testimonyOf } from './node-status.ts';

export type PeerRoutesParts = {
  readonly loop: AgentLoop;
  readonly facts: () => Facts;
  readonly peerToken: string;
};

export function addPeerRoutes(app: FastifyInstance, { loop, facts, peerToken }: PeerRoutesParts): void {
  const onRequest = requireToken(peerToken);
  app.post('/peer/status', { onRequest }, async (request) => {
    const wantsFresh = typeof request.body === 'object' && request.body !== null && 'fresh' in request.body && request.body.fresh === true;
    if (wantsFresh) await loop.fresh();
    return statusToWire(peerStatusOf(facts()));
  });
  app.post('/peer/testimony', { onRequest }, async () => testimonyToWire(testimonyOf(facts())));
  app.post('/peer/down', { onRequest }, async (request, reply) => {
    loop.feed({ kind: 'heard-down', ...parse(downSchema, request.body) });
    return reply.code(202).send({});
  });
  app.post('/peer/claimed', { onRequest }, async (_request, reply) => {
    loop.feed({ kind: 'heard-claim' });
    return reply.code(202).send({});
  });
  app.post('/peer/leave', { onRequest }, async (request) => ({ mayGo: await loop.leave(parse(leaveSchema, request.body).member) }));
  app.post('/peer/promise', { onRequest }, async (request) => {
    const answer = await loop.promise(parse(promiseSchema, request.body));
    return answer.kind === 'promised' ? answerToWire(answer.answer) : answer;
  });
}
