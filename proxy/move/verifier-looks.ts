/**
 * What PostgreSQL stores instead of the passwords of the users of one move: a pool of two hundred sessions has one user, and two hundred questions
 * would take longer than their logins. It lives as long as the move, in memory only; it must never log or quote what it holds.
 */
import type { AgentClient } from '../agent-client.ts';
import type { VerifierLook } from '../core/agent-answer.ts';
import type { MoveOrder } from '../core/landing.ts';
import type { Router } from '../router.ts';

const LOOK_MS = 1_000;
/** Kept even if this many users are connected. The others ask for themselves. */
const USERS_MAX = 1_000;

export class VerifierLooks {
  readonly #agents: AgentClient;
  readonly #router: Router;
  readonly #order: MoveOrder;
  readonly #looks = new Map<string, Promise<VerifierLook>>();
  readonly #over = new AbortController();

  constructor({ agents, router }: { readonly agents: AgentClient; readonly router: Router }, order: MoveOrder) {
    this.#agents = agents;
    this.#router = router;
    this.#order = order;
  }

  /** One question a user at a time. An answer is kept, a failure is not: later the agents may know more. */
  of(user: string): Promise<VerifierLook> {
    const known = this.#looks.get(user);
    if (known !== undefined) return known;
    const look = this.#ask(user);
    if (this.#looks.size >= USERS_MAX) return look;
    this.#looks.set(user, look);
    void look.then(({ kind }) => {
      if (kind === 'failed' && this.#looks.get(user) === look) this.#looks.delete(user);
    });
    return look;
  }

  forget(): void {
    this.#over.abort();
    this.#looks.clear();
  }

  /** What is stored is replicated like everything else, so that any of them can be asked; one that stands still must not cost a session its move. */
  async #ask(user: string): Promise<VerifierLook> {
    let look: VerifierLook = { kind: 'failed', why: 'the address of no agent is known' };
    for (const member of [this.#order.from, this.#order.to]) {
      const asked = this.#router.addressOf(member);
      if (asked === null) continue;
      look = await this.#agents.verifierOf(asked.agentUrl, user, { budgetMs: LOOK_MS, signal: this.#over.signal });
      if (look.kind === 'looked') break;
    }
    return look;
  }
}
