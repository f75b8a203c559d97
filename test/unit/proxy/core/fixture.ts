/** Views for the proxy's tests: three nodes, n1 leads epoch 5, n2 and n3 stream. */
import type { PostgresStatus } from '../../../../shared/domain/cluster-status.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import type { LeaderState, NodeRecord } from '../../../../shared/domain/leader-record.ts';
import { timelineId } from '../../../../shared/domain/timeline.ts';
import { memberId, parseIncarnation, parseNodeName, type MemberId, type NodeName } from '../../../../shared/domain/node-id.ts';
import type { Leader, NodeFact, NodeView, View } from '../../../../proxy/core/view.ts';

export const NOW_MS = 100_000;

export function name(text: string): NodeName {
  const parsed = parseNodeName(text);
  if (parsed === null) throw new Error(`not a node name: ${text}`);
  return parsed;
}

export function member(node: string, life = 'a'): MemberId {
  const incarnation = parseIncarnation(life.repeat(12));
  if (incarnation === null) throw new Error(`not an incarnation: ${life}`);
  return memberId(name(node), incarnation);
}

export function leader(holder: MemberId, at: number, state: LeaderState = { kind: 'serving' }, seq = 0): Leader {
  return { systemId: '7', epoch: epoch(BigInt(at)), seq, holder, state, mode: 'quorum', timeline: timelineId(3) };
}

export function record(of: MemberId, port: number): NodeRecord {
  return { member: of, bootCount: 1, pgHost: '127.0.0.1', pgPort: port, agentUrl: 'http://127.0.0.1:1', priority: 1 };
}

export function fact(of: MemberId, postgres: PostgresStatus, more: Partial<NodeFact> = {}): NodeFact {
  return { member: of, postgres, epoch: epoch(5n), lagBytes: 0, replayed: null, seenAtMs: null, askedAtMs: NOW_MS - 100, ...more };
}

export function node(of: MemberId, port: number, postgres: PostgresStatus, more: Partial<NodeFact> = {}): NodeView {
  return { record: record(of, port), fact: fact(of, postgres, more), silentSinceMs: null };
}

export const N1 = member('n1');
export const N2 = member('n2');
export const N3 = member('n3');
export const STREAMING: PostgresStatus = { kind: 'standby', streaming: true };
export const OPEN: PostgresStatus = { kind: 'primary', open: true };

export function threeNodes(): View {
  return {
    leader: leader(N1, 5),
    nodes: new Map([
      [name('n1'), node(N1, 5431, OPEN)],
      [name('n2'), node(N2, 5432, STREAMING)],
      [name('n3'), node(N3, 5433, STREAMING)],
    ]),
    operation: null,
    proxies: new Map(),
    trail: [],
  };
}

export function withNodeView(view: View, key: string, value: NodeView): View {
  return { ...view, nodes: new Map(view.nodes).set(name(key), value) };
}
