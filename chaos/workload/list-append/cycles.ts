/**
 * Transactions that cannot have been one after the other: circles of dependencies, named as Adya named them. Pure, and nothing but a search in a graph;
 * what depends on what is found out elsewhere. It tells one circle, a shortest one of the worst kind, for each knot of transactions.
 */
import { assert } from '../../../shared/assert.ts';

/** `ww`: wrote after it. `wr`: read what it wrote. `rw`: did not see yet what it wrote. */
export type Edge = { readonly from: number; readonly to: number; readonly kind: 'ww' | 'wr' | 'rw'; readonly key: number };
export type Anomaly = 'G0' | 'G1c' | 'G-single' | 'G2';
/** Each edge begins where the one before ends, and the first where the last ends. */
export type Cycle = { readonly anomaly: Anomaly; readonly edges: readonly Edge[] };

/** The worst first. A circle is closed by an edge of one kind; what leads back to its beginning may be of those. */
const ANOMALIES: readonly { readonly anomaly: Anomaly; readonly closing: Edge['kind']; readonly back: readonly Edge['kind'][] }[] = [
  { anomaly: 'G0', closing: 'ww', back: ['ww'] },
  { anomaly: 'G1c', closing: 'wr', back: ['ww', 'wr'] },
  { anomaly: 'G-single', closing: 'rw', back: ['ww', 'wr'] },
  { anomaly: 'G2', closing: 'rw', back: ['ww', 'wr', 'rw'] },
];

export function findCycles(edges: readonly Edge[]): readonly Cycle[] {
  const knotOf = knots(edges);
  const byKnot = new Map<number, Edge[]>();
  for (const edge of edges) {
    const knot = knotOf.get(edge.from);
    if (edge.from === edge.to || knot === undefined || knot !== knotOf.get(edge.to)) continue;
    const inside = byKnot.get(knot);
    if (inside === undefined) byKnot.set(knot, [edge]);
    else inside.push(edge);
  }
  return [...byKnot.values()].map(worstOf);
}

/** A knot of thousands has more circles than anybody reads; the shortest of so many is short enough. */
const CIRCLES_MAX = 50;

function worstOf(inside: readonly Edge[]): Cycle {
  for (const { anomaly, closing, back } of ANOMALIES) {
    const ways = inside.filter(({ kind }) => back.includes(kind));
    const next = outgoing(ways);
    // Where the edge that closes may also lie on the way back, only those inside a knot of such edges can close anything.
    const knotOf = back.includes(closing) ? knots(ways) : null;
    const circles: (readonly Edge[])[] = [];
    for (const edge of inside) {
      if (edge.kind !== closing || (knotOf !== null && knotOf.get(edge.from) !== knotOf.get(edge.to))) continue;
      const path = shortestPath(next, edge.to, edge.from);
      if (path !== null) circles.push([edge, ...path]);
      if (circles.length >= CIRCLES_MAX) break;
    }
    const [shortest] = circles.toSorted((one, other) => one.length - other.length);
    if (shortest !== undefined) return { anomaly, edges: shortest };
  }
  throw new Error('a knot has a circle');
}

function outgoing(edges: readonly Edge[]): ReadonlyMap<number, readonly Edge[]> {
  const next = new Map<number, Edge[]>();
  for (const edge of edges) {
    const known = next.get(edge.from);
    if (known === undefined) next.set(edge.from, [edge]);
    else known.push(edge);
  }
  return next;
}

/** Breadth first; null: there is none. */
function shortestPath(next: ReadonlyMap<number, readonly Edge[]>, from: number, to: number): readonly Edge[] | null {
  const cameBy = new Map<number, Edge | null>([[from, null]]);
  const queue = [from];
  for (const at of queue) {
    if (at === to) return pathTo(cameBy, to);
    for (const edge of next.get(at) ?? []) {
      if (cameBy.has(edge.to)) continue;
      cameBy.set(edge.to, edge);
      queue.push(edge.to);
    }
  }
  return null;
}

function pathTo(cameBy: ReadonlyMap<number, Edge | null>, to: number): readonly Edge[] {
  const path: Edge[] = [];
  for (let edge = cameBy.get(to) ?? null; edge !== null; edge = cameBy.get(edge.from) ?? null) path.push(edge);
  return path.toReversed();
}

type Visit = { readonly node: number; readonly edges: readonly Edge[]; at: number };

/** Tarjan's strongly connected components, without recursion: a history has more transactions than a stack has room. Equal numbers, same component. */
function knots(edges: readonly Edge[]): ReadonlyMap<number, number> {
  const next = outgoing(edges);
  const order = new Map<number, number>();
  const low = new Map<number, number>();
  const knotOf = new Map<number, number>();
  const open: number[] = [];
  const lower = (node: number, to: number): void => void low.set(node, Math.min(low.get(node) ?? to, to));
  const enter = (node: number): Visit => {
    order.set(node, order.size);
    low.set(node, order.size - 1);
    open.push(node);
    return { node, edges: next.get(node) ?? [], at: 0 };
  };
  const leave = (node: number): void => {
    if (low.get(node) !== order.get(node)) return;
    for (let member = open.pop(); member !== undefined; member = open.pop()) {
      knotOf.set(member, node);
      if (member === node) return;
    }
    assert(false, 'a component ends with the node it began with');
  };
  for (const root of next.keys()) {
    const path: Visit[] = order.has(root) ? [] : [enter(root)];
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const edge = visit.edges[visit.at];
      visit.at += 1;
      if (edge === undefined) {
        path.pop();
        leave(visit.node);
        const above = path.at(-1);
        if (above !== undefined) lower(above.node, low.get(visit.node) ?? 0);
      } else if (!order.has(edge.to)) {
        path.push(enter(edge.to));
      } else if (!knotOf.has(edge.to)) {
        lower(visit.node, order.get(edge.to) ?? 0);
      }
    }
  }
  return knotOf;
}
