/**
 * Counts the sessions whose commits may be lost although the cluster promises that none is, and turns them away where the operator forbids
 * them. It must never let one in uncounted: what nobody sees is taken for protected.
 */
import type { WeakCommitPolicy } from '../shared/config/proxy-config.ts';
import { WEAK_COMMITS, type WeakCommit } from '../shared/domain/commit-strength.ts';

export type WeakCommitCounts = {
  readonly policy: WeakCommitPolicy;
  /** Sessions that are open now, and all that were, by the value they asked for. */
  readonly sessions: Readonly<Record<WeakCommit, { readonly open: number; readonly total: number }>>;
  readonly refused: number;
};

export class WeakCommits {
  readonly policy: WeakCommitPolicy;
  readonly #open = new Map<WeakCommit, number>();
  readonly #total = new Map<WeakCommit, number>();
  #refused = 0;

  constructor(policy: WeakCommitPolicy) {
    this.policy = policy;
  }

  /** Returns what is to be called when the session ends. */
  enter(value: WeakCommit): () => void {
    this.#open.set(value, (this.#open.get(value) ?? 0) + 1);
    this.#total.set(value, (this.#total.get(value) ?? 0) + 1);
    return () => {
      this.#open.set(value, (this.#open.get(value) ?? 1) - 1);
    };
  }

  countRefusal(): void {
    this.#refused += 1;
  }

  get counts(): WeakCommitCounts {
    const entries = WEAK_COMMITS.map((value) => [value, { open: this.#open.get(value) ?? 0, total: this.#total.get(value) ?? 0 }] as const);
    // Every value is in the list that the entries were made of.
    return { policy: this.policy, sessions: Object.fromEntries(entries) as WeakCommitCounts['sessions'], refused: this.#refused };
  }
}
