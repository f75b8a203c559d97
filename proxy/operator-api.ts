/**
 * What an operator may ask of one proxy over HTTP: its sessions, a pause, a drain. All of it needs the peer token; a proxy that was given none
 * answers nobody. It must never accept a word without an end.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { appError } from '../shared/errors.ts';
import { parse, requireToken } from '../shared/http/server.ts';
import type { Port } from './core/admission.ts';
import type { Gate, GateStatus } from './gate.ts';
import type { SessionInfo } from './session-info.ts';

export type OperatorParts = {
  /** Null: none was configured. */
  readonly token: string | null;
  readonly gate: Gate;
  /** At most so many, the newest last, and how many there are. */
  readonly sessions: (limit: number) => { readonly total: number; readonly sessions: readonly SessionInfo[] };
};

export type GateAnswer = { readonly admission: GateStatus; readonly sessions: number };

const SESSIONS_MAX = 1_000;
const ports = z.enum(['rw', 'ro', 'both']);
const PORTS: Readonly<Record<z.output<typeof ports>, readonly Port[]>> = { rw: ['rw'], ro: ['ro'], both: ['rw', 'ro'] };
const pauseBody = z.strictObject({ port: ports.default('both'), forMs: z.number().int().min(1).max(600_000).default(30_000) });
const drainBody = z.strictObject({
  withinMs: z.number().int().min(0).max(3_600_000).default(60_000),
  stayMs: z.number().int().min(1_000).max(86_400_000).default(600_000),
});
const sessionsQuery = z.object({ limit: z.coerce.number().int().min(1).max(SESSIONS_MAX).default(SESSIONS_MAX) });

export function addOperatorRoutes(app: FastifyInstance, { token, gate, sessions }: OperatorParts): void {
  const onRequest = token === null ? refuseAll : requireToken(token);
  const answer = (taken: boolean): GateAnswer => {
    if (!taken) throw appError('PGB-1404', 'the proxy is about to end');
    return { admission: gate.status, sessions: sessions(0).total };
  };
  app.get('/sessions', { onRequest }, async (request) => sessions(parse(sessionsQuery, request.query).limit));
  app.post('/pause', { onRequest }, async (request) => {
    const { port, forMs } = parse(pauseBody, request.body ?? {});
    return answer(gate.pause(PORTS[port], forMs));
  });
  app.post('/resume', { onRequest }, async () => answer(gate.resume()));
  app.post('/drain', { onRequest }, async (request) => {
    const { withinMs, stayMs } = parse(drainBody, request.body ?? {});
    return answer(gate.drain(withinMs, stayMs));
  });
}

async function refuseAll(): Promise<void> {
  throw appError('PGB-1601', 'this proxy has no token: set secrets.peerTokenFile in its configuration');
}
