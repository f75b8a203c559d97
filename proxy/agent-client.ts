/** Questions to a node's agent over HTTP, each with a deadline. Silence, refusal and nonsense are answers (null, false), never exceptions. */
import { createKeepAliveAgent, httpJson } from '../shared/http/client.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { decodeNodeStatus } from './core/agent-answer.ts';
import type { NodeFact } from './core/view.ts';

export type AgentClient = {
  /** `fresh`: the agent looks at its PostgreSQL before it answers. */
  readonly status: (agentUrl: string, how: { readonly budgetMs: number; readonly fresh: boolean }) => Promise<NodeFact | null>;
  /** Does this agent say that clients are let in to an authoritative primary? */
  readonly isOpenPrimary: (agentUrl: string, budgetMs: number) => Promise<boolean>;
  readonly close: () => void;
};

export function createAgentClient(): AgentClient {
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
    close: () => {
      agent.destroy();
    },
  };
}
