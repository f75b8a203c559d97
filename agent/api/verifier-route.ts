/**
 * `POST /verifier`: what PostgreSQL stores instead of a user's password, for a proxy that holds the peer token and must log in as its client
 * when it moves a session. Neither the machine nor the loop is asked. It must never be logged or cached on the way.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { appError } from '../../shared/errors.ts';
import { parse, requireToken } from '../../shared/http/server.ts';
import type { Postgres } from '../postgres/port.ts';

/** A client is waiting for nothing: its login went through long before. */
const LOOK_MS = 2_000;
/** Longer names than PostgreSQL's own are shortened by it, to that of somebody else. */
const questionSchema = z.strictObject({ user: z.string().min(1).max(63) });

export type VerifierRouteParts = { readonly postgres: Pick<Postgres, 'verifierOf'>; readonly peerToken: string };

export function addVerifierRoute(app: FastifyInstance, { peerToken, postgres }: VerifierRouteParts): void {
  app.post('/verifier', { onRequest: requireToken(peerToken) }, async (request, reply) => {
    const look = await postgres.verifierOf(parse(questionSchema, request.body).user, LOOK_MS);
    if (look.kind === 'unknown') throw appError('PGB-1406', 'PostgreSQL does not say what it stores for this user at present');
    return reply.header('cache-control', 'no-store').send({ verifier: look.verifier });
  });
}
