/**
 * Cancel requests between the proxies of a cluster, over their HTTP APIs and with the peer token: asking the others about a key that nobody here
 * knows, and hearing such a question. It must never pass on what came from another proxy (two of them would send it round for ever), and never
 * put a key anywhere but into the body: whoever has one may cancel that session's work.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createKeepAliveAgent, httpJson } from '../shared/http/client.ts';
import { parse, requireToken } from '../shared/http/server.ts';
import type { Cancels, OtherProxies } from './cancel.ts';
import type { View } from './core/view.ts';
import { parseCancelKey } from './wire/backend-key.ts';

/** A proxy that does not answer may be one that died moments ago and is still listed; it has no session any more. */
const ANSWER_MS = 1_000;
/** All that the view lists: every worker of every proxy may be the one that moved the session. Bounds what one stray cancel request can set off. */
const OTHERS_MAX = 64;

/** `ownId`: who need not be asked. Without a token none of them would listen. */
export function createOtherProxies(token: string | null, ownId: string, view: () => View): OtherProxies {
  const agent = createKeepAliveAgent();
  return {
    ask: async (key, signal) => {
      if (token === null) return;
      const question = { method: 'POST', body: { key }, token, timeoutMs: ANSWER_MS, signal, agent } as const;
      const others = [...view().proxies].filter(([id]) => id !== ownId).slice(0, OTHERS_MAX);
      await Promise.all(others.map(async ([, url]) => httpJson({ ...question, url: new URL('/cancel', url).href })));
    },
    close: () => {
      agent.destroy();
    },
  };
}

const cancelBody = z.strictObject({
  key: z
    .string()
    .max(600)
    .refine((text) => parseCancelKey(text) !== null, 'not a cancel key'),
});

export function addCancelRoute(app: FastifyInstance, token: string | null, cancels: Cancels): void {
  // Without a token nobody can be told from anybody.
  if (token === null) return;
  app.post('/cancel', { onRequest: requireToken(token) }, async (request) => ({
    heeded: await cancels.heedFromOther(parse(cancelBody, request.body).key),
  }));
}
