/** Questions to a node's agent over HTTP, each with a deadline. Silence, refusal and nonsense are answers (null, false), never exceptions. */
import { monotonicMs } from '../shared/runtime/clock.ts';
import { decodeNodeStatus } from './core/agent-answer.ts';
import type { NodeFact } from './core/view.ts';

export type AgentClient = {
  readonly status: (agentUrl: string, budgetMs: number) => Promise<NodeFact | null>;
  /** Does this agent say that clients are let in to an authoritative primary? */
  readonly isOpenPrimary: (agentUrl: string, budgetMs: number) => Promise<boolean>;
};

export const httpAgentClient: AgentClient = {
  status: async (agentUrl, budgetMs) => {
    const askedAtMs = monotonicMs();
    try {
      const response = await fetch(new URL('/status', agentUrl), { signal: AbortSignal.timeout(budgetMs) });
      return decodeNodeStatus(await response.json(), askedAtMs);
    } catch {
      // Refused, timed out, or not JSON: whatever it was, there is no answer.
      return null;
    }
  },
  isOpenPrimary: async (agentUrl, budgetMs) => {
    try {
      const response = await fetch(new URL('/primary', agentUrl), { method: 'HEAD', signal: AbortSignal.timeout(budgetMs) });
      return response.status === 200;
    } catch {
      // As above: an agent that cannot be asked vouches for nothing.
      return false;
    }
  },
};
