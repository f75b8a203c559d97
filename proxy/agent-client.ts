/** Questions to a node's agent over HTTP, each with a deadline. Silence, refusal and nonsense are answers (null, false), never exceptions. */
import { createKeepAliveAgent, httpJson } from '../shared/http/client.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { decodeNodeStatus, decodeVerifier, type VerifierLook } from './core/agent-answer.ts';
import type { NodeFact } from './core/view.ts';

export type AgentClient = {
  /** `fresh`: the agent looks at its PostgreSQL before it answers. */
  readonly status: (agentUrl: string, how: { readonly budgetMs: number; readonly fresh: boolean }) => Promise<NodeFact | null>;
  /** Does this agent say that clients are let in to an authoritative primary? */
  readonly isOpenPrimary: (agentUrl: string, budgetMs: number) => Promise<boolean>;
  /** What PostgreSQL stores instead of the password of `user`, one character a byte. */
  readonly verifierOf: (
    agentUrl: string,
    user: string,
    how: { readonly budgetMs: number; readonly signal: AbortSignal },
  ) => Promise<VerifierLook>;
  readonly close: () => void;
};

/** `peerToken` null: nobody is told a verifier. */
export function createAgentClient(peerToken: string | null): AgentClient {
  const agent = createKeepAliveAgent();
  const get = (agentUrl: string, path: string, timeoutMs: number) => httpJson({ url: new URL(path, agentUrl).href, timeoutMs, agent });
  return {
    status: async (agentUrl, { budgetMs, fresh }) => {
      const askedAtMs = monotonicMs();
      const outcome = await get(agentUrl, fresh ? '/status?fresh=1' : '/status', budgetMs);
      return outcome.kind === 'ok' ? decodeNodeStatus(outcome.body, askedAtMs) : null;
    },
    isOpenPrimary: async (agentUrl, budgetMs) => {
      const outcome = await get(agentUrl, '/primary', budgetMs);
      return outcome.kind === 'ok' && outcome.status === 200;
    },
    verifierOf: async (agentUrl, user, { budgetMs, signal }) => {
      if (peerToken === null) return { kind: 'failed', why: 'this proxy has no peer token (secrets.peerTokenFile)' };
      const name = utf8Of(user);
      if (name === null) return { kind: 'failed', why: 'the name of the user is not UTF-8' };
      const url = new URL('/verifier', agentUrl).href;
      const outcome = await httpJson({ url, method: 'POST', body: { user: name }, token: peerToken, timeoutMs: budgetMs, signal, agent });
      if (outcome.kind === 'failed') return outcome;
      return decodeVerifier(outcome.status, outcome.body);
    },
    close: () => {
      agent.destroy();
    },
  };
}

/** JSON has no other letters. */
function utf8Of(latin1: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(latin1, 'latin1'));
  } catch {
    return null;
  }
}
