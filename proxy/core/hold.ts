/**
 * May a client without a target go on waiting? Pure. Both bounds are hard: an unbounded waiting room turns an outage of the database into
 * an outage of the proxy, and a client that waits longer than its own patience is a slot lost for nothing.
 */
export type HoldLimits = {
  /** How many clients may wait at once. */
  readonly holdMax: number;
  /** How long one client may wait. */
  readonly holdMs: number;
};

export type HoldFacts = {
  /** Monotonic: since when this client has waited; null when it is about to begin. */
  readonly sinceMs: number | null;
  /** Clients waiting at present, this one not counted unless it waits already. */
  readonly heldCount: number;
  readonly nowMs: number;
};

export type HoldDecision = { readonly kind: 'wait'; readonly forMs: number } | { readonly kind: 'expired' } | { readonly kind: 'full' };

export function decideHold(facts: HoldFacts, limits: HoldLimits): HoldDecision {
  if (facts.sinceMs === null) {
    // Zero switches holding off: every client is told at once.
    if (limits.holdMs === 0) return { kind: 'expired' };
    return facts.heldCount >= limits.holdMax ? { kind: 'full' } : { kind: 'wait', forMs: limits.holdMs };
  }
  const leftMs = facts.sinceMs + limits.holdMs - facts.nowMs;
  return leftMs > 0 ? { kind: 'wait', forMs: leftMs } : { kind: 'expired' };
}
