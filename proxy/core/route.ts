/**
 * Where a new session goes: (view, policy, load, now) → a target or nobody. Pure. It must never name anybody as read-write target but
 * the holder of a record that says `serving`, at the address registered by that very incarnation.
 */
import { nameOf, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import { pickStandby } from './pick-standby.ts';
import { judgeLeader, judgeStandby } from './freshness.ts';
import type { ReadWish } from './read-wish.ts';
import { freshFact, type NodeFact, type NodeView, type View } from './view.ts';

/** What a session depends on: when it ceases to hold, the session is cut (cut.ts). */
export type Bond =
  | { readonly kind: 'leader'; readonly epoch: Epoch; readonly member: MemberId }
  | { readonly kind: 'standby'; readonly member: MemberId };

export type Target = {
  readonly name: NodeName;
  readonly host: string;
  readonly port: number;
  readonly agentUrl: string;
  readonly bond: Bond;
};

export type Route =
  | { readonly kind: 'target'; readonly target: Target }
  /** `waitMs`: the longest a client should wait for this to change; null: as long as it may be held at all. */
  | { readonly kind: 'none'; readonly why: string; readonly waitMs: number | null };

/** Where a session goes that may wish for something. */
export type ReadRoute =
  | Route
  /** The servers are there and have not replayed enough: ask again with every news, for no longer than `retryMs`. */
  | { readonly kind: 'behind'; readonly why: string; readonly retryMs: number }
  /** The same, and the time is over. */
  | { readonly kind: 'unmet'; readonly why: string }
  /** What the session wants to see belongs to a history that was cut off. */
  | { readonly kind: 'lost' };

export type Question = {
  readonly nowMs: number;
  readonly wish: ReadWish;
  /** How long this client has waited for its wish already. */
  readonly waitedMs: number;
};

export type ReadOnlyPolicy = {
  /** A standby further behind than this takes no new session. */
  readonly maxLagBytes: number;
  /** Who serves reads when no standby qualifies. */
  readonly fallback: 'primary' | 'refuse';
  /** How long a session waits for a standby that shows what it wants to see. */
  readonly waitMs: number;
};

/** After a failover the standbys need a moment to attach to the new leader; a cluster without any is told so soon. */
const STANDBY_SETTLE_MS = 2_000;

/** What the sessions already there mean for the choice. */
export type Load = {
  readonly sessionsOn: (member: MemberId) => number;
  /** Grows by one with every choice; breaks ties in turn. */
  readonly turn: number;
  /** Standbys that just failed this client; chosen again only when nobody else is left. */
  readonly avoid: ReadonlySet<MemberId>;
};

export function routeReadWrite(view: View): Route {
  const { leader } = view;
  if (leader === null) return nobody('no leader is known yet');
  if (leader.state.kind !== 'serving') return nobody(`the leader of epoch ${String(leader.epoch)} is ${leader.state.kind}`);
  const name = nameOf(leader.holder);
  const node = view.nodes.get(name);
  // The address was registered by an incarnation. After a re-clone the same name may stand for a machine that holds other data.
  if (node === undefined || node.record.member !== leader.holder) return nobody(`the address of ${leader.holder} is not known`);
  return { kind: 'target', target: targetOf(name, node, { kind: 'leader', epoch: leader.epoch, member: leader.holder }) };
}

/** The leader, unless the client wants to see a history that is not the leader's. */
export function routeToLeader(view: View, policy: ReadOnlyPolicy, question: Question): ReadRoute {
  const route = routeReadWrite(view);
  if (route.kind === 'none') return route;
  switch (judgeLeader(view, question.wish)) {
    case 'fit':
      return route;
    case 'lost':
      return LOST;
    case 'behind':
      return waitOrGiveUp(policy, question, 'no leader of the timeline in pgbaton.after is known');
  }
}

export function routeReadOnly(view: View, policy: ReadOnlyPolicy, load: Load, question: Question): ReadRoute {
  const { nowMs, wish } = question;
  const eligible = [...view.nodes].flatMap(([name, node]) => {
    const fact = eligibleFact(view, node, policy, nowMs);
    return fact === null ? [] : [{ name, node, fact, freshness: judgeStandby(fact, wish, { view, nowMs }) }];
  });
  const fit = eligible.filter(({ freshness }) => freshness === 'fit');
  const candidates = fit.map(({ node: { record }, fact }) => ({
    member: record.member,
    sessions: load.sessionsOn(record.member),
    lagShare: policy.maxLagBytes === 0 ? 0 : (fact.lagBytes ?? 0) / policy.maxLagBytes,
  }));
  const chosen = pickStandby(candidates, load);
  const found = chosen === null ? undefined : fit.find(({ node }) => node.record.member === chosen);
  if (found !== undefined)
    return { kind: 'target', target: targetOf(found.name, found.node, { kind: 'standby', member: found.node.record.member }) };
  if (eligible.some(({ freshness }) => freshness === 'lost')) return LOST;
  // Behind by moments, as a rule: worth a short wait before the leader is burdened.
  if (eligible.length > 0 && question.waitedMs < policy.waitMs) return waitOrGiveUp(policy, question, NOT_REPLAYED);
  const primary = routeToLeader(view, policy, question);
  if (primary.kind !== 'target' || policy.fallback === 'primary') return primary;
  if (eligible.length > 0) return { kind: 'unmet', why: NOT_REPLAYED };
  return { kind: 'none', why: 'no standby is streaming within the lag limit', waitMs: STANDBY_SETTLE_MS };
}

const NOT_REPLAYED = 'no standby has replayed what the session wants to see';
const LOST: ReadRoute = { kind: 'lost' };

function waitOrGiveUp({ waitMs }: ReadOnlyPolicy, { waitedMs }: Question, why: string): ReadRoute {
  return waitedMs < waitMs ? { kind: 'behind', why, retryMs: waitMs - waitedMs } : { kind: 'unmet', why };
}

/**
 * True when a recent answer of the target's own agent says that it lets nobody in at the moment: then one question to the agent does for all who wait, and
 * nobody knocks in vain. Clients that speak TLS from the start need it: their refusal would be inside the encrypted stream, where it cannot be told apart from
 * any other error and retried.
 */
export function isKnownClosed(view: View, target: Target, nowMs: number): boolean {
  const node = view.nodes.get(target.name);
  const fact = node === undefined ? null : freshFact(node, target.bond.member, nowMs);
  if (fact === null) return false;
  switch (fact.postgres.kind) {
    case 'primary':
      return !fact.postgres.open;
    case 'absent':
    case 'stopped':
    case 'starting':
      return true;
    case 'standby':
    case 'unknown':
      return false;
  }
}

function nobody(why: string): Route {
  return { kind: 'none', why, waitMs: null };
}

/** The recent fact about a standby that may take sessions; null: it may not. */
function eligibleFact(view: View, node: NodeView, policy: ReadOnlyPolicy, nowMs: number): NodeFact | null {
  const { leader } = view;
  if (leader === null || node.record.member === leader.holder || node.silentSinceMs !== null) return null;
  const fact = freshFact(node, node.record.member, nowMs);
  if (fact === null || fact.postgres.kind !== 'standby' || !fact.postgres.streaming) return null;
  // A standby of an earlier epoch may stream from a deposed primary, or replay WAL that will be rewound.
  return fact.epoch === leader.epoch && fact.lagBytes !== null && fact.lagBytes <= policy.maxLagBytes ? fact : null;
}

function targetOf(name: NodeName, node: NodeView, bond: Bond): Target {
  return { name, host: node.record.pgHost, port: node.record.pgPort, agentUrl: node.record.agentUrl, bond };
}
