/**
 * What the proxy believes about the cluster, and which news may change it. Pure. It must never let the routed epoch fall (I15): a
 * watch that reconnects to a lagging store member may repeat an older record, and following it would send writers back to a deposed
 * primary.
 */
import type { PostgresStatus } from '../../shared/domain/cluster-status.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord, NodeRecord, OperationRecord } from '../../shared/domain/leader-record.ts';
import type { MemberId, NodeName } from '../../shared/domain/node-id.ts';
import { extentPosition, type WalExtent, type WalPosition } from '../../shared/domain/wal-position.ts';

/** The part of the leader record that routing needs. */
export type Leader = Pick<LeaderRecord, 'systemId' | 'epoch' | 'seq' | 'holder' | 'state' | 'mode' | 'timeline'>;

/** The last answer of a node's agent, as far as routing needs it. */
export type NodeFact = {
  readonly member: string | null;
  readonly postgres: PostgresStatus;
  readonly epoch: Epoch | null;
  readonly lagBytes: number | null;
  /** What a session there can see: the history, and how much of it is replayed (a primary: flushed). */
  readonly replayed: WalExtent | null;
  /** Monotonic, of this proxy: the agent looked at its PostgreSQL then or later. */
  readonly seenAtMs: number | null;
  /** Monotonic, when the question was sent. */
  readonly askedAtMs: number;
};

export type NodeView = {
  readonly record: NodeRecord;
  /** Null before the first answer. */
  readonly fact: NodeFact | null;
  /** Monotonic: since when every question went unanswered; null while the agent answers. */
  readonly silentSinceMs: number | null;
};

export type View = {
  /** Null before the first record was seen. */
  readonly leader: Leader | null;
  readonly nodes: ReadonlyMap<NodeName, NodeView>;
  /** The planned operation that was asked for last; null: none was ever seen. */
  readonly operation: Pick<OperationRecord, 'id' | 'stage'> | null;
  /** The API of every proxy of the cluster by its id, this one among them. Routing never looks here. */
  readonly proxies: ReadonlyMap<string, string>;
  /** Where the leader was and when, oldest first; what a standby's age is measured by. */
  readonly trail: readonly TrailPoint[];
};

/** Everything that was visible at `atMs` (monotonic) lies at or before `position`. */
export type TrailPoint = { readonly atMs: number; readonly position: WalPosition };

export const EMPTY_VIEW: View = { leader: null, nodes: new Map(), operation: null, proxies: new Map(), trail: [] };

/** Two minutes of ordinary questions; while clients wait and the questions come thicker, points closer than this are not kept apart. */
const TRAIL_POINTS = 256;
const TRAIL_STEP_MS = 400;

/** More than anybody runs; bounds what a store full of rubbish sets off. */
const PROXIES_MAX = 64;

/** An answer older than this says nothing about now: several polls have gone by since. */
export const FACT_FRESH_MS = 2_500;

export type RecordNews = 'news' | 'known' | 'stale' | 'other-cluster';

/** Is `next` newer than what is routed by? (epoch, seq) never falls; a renewal changes neither. */
export function judgeRecord(current: Leader | null, next: Leader): RecordNews {
  if (current === null) return 'news';
  if (next.systemId !== current.systemId) return 'other-cluster';
  if (next.epoch !== current.epoch) return next.epoch > current.epoch ? 'news' : 'stale';
  if (next.seq !== current.seq) return next.seq > current.seq ? 'news' : 'stale';
  return 'known';
}

export function leaderOf(record: LeaderRecord): Leader {
  const { systemId, epoch, seq, holder, state, mode, timeline } = record;
  return { systemId, epoch, seq, holder, state, mode, timeline };
}

/** Facts are kept only while they speak of the incarnation that the node record names: another incarnation has another history. */
export function withNode(view: View, name: NodeName, record: NodeRecord): View {
  const before = view.nodes.get(name);
  const same = before !== undefined && before.record.member === record.member;
  const node: NodeView = same ? { ...before, record } : { record, fact: null, silentSinceMs: null };
  return { ...view, nodes: new Map(view.nodes).set(name, node) };
}

export function withoutNode(view: View, name: NodeName): View {
  const nodes = new Map(view.nodes);
  nodes.delete(name);
  return { ...view, nodes };
}

/** One too many is left out: who is listed already stays. */
export function withProxy(view: View, id: string, url: string): View {
  if (view.proxies.get(id) === url || (view.proxies.size >= PROXIES_MAX && !view.proxies.has(id))) return view;
  return { ...view, proxies: new Map(view.proxies).set(id, url) };
}

export function withoutProxy(view: View, id: string): View {
  if (!view.proxies.has(id)) return view;
  const proxies = new Map(view.proxies);
  proxies.delete(id);
  return { ...view, proxies };
}

export function withFact(view: View, name: NodeName, fact: NodeFact): View {
  const before = view.nodes.get(name);
  if (before === undefined) return view;
  const nodes = new Map(view.nodes).set(name, { ...before, fact, silentSinceMs: null });
  return { ...view, nodes, trail: extendTrail(view, fact) };
}

/** Only a leader that is sure of its own right speaks for the present of the cluster. */
function extendTrail({ leader, trail }: View, fact: NodeFact): readonly TrailPoint[] {
  const { postgres, replayed, seenAtMs } = fact;
  if (leader === null || fact.member !== leader.holder || fact.epoch !== leader.epoch) return trail;
  if (postgres.kind !== 'primary' || !postgres.open || replayed === null || seenAtMs === null) return trail;
  const last = trail.at(-1);
  if (last !== undefined && last.atMs >= seenAtMs) return trail;
  const point: TrailPoint = { atMs: seenAtMs, position: extentPosition(replayed) };
  const beforeLast = trail.at(-2);
  const kept = beforeLast !== undefined && seenAtMs - beforeLast.atMs < TRAIL_STEP_MS ? trail.slice(0, -1) : trail;
  return [...kept.slice(1 - TRAIL_POINTS), point];
}

export function withSilence(view: View, name: NodeName, askedAtMs: number): View {
  const before = view.nodes.get(name);
  if (before === undefined || before.silentSinceMs !== null) return view;
  return { ...view, nodes: new Map(view.nodes).set(name, { ...before, silentSinceMs: askedAtMs }) };
}

/** The fact about `member` if it is recent enough to act on. */
export function freshFact(node: NodeView, member: MemberId, nowMs: number): NodeFact | null {
  const { fact } = node;
  if (fact === null || fact.member !== member || nowMs - fact.askedAtMs > FACT_FRESH_MS) return null;
  return fact;
}
