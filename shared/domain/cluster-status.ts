/**
 * What an agent tells the world over HTTP: the shape of `GET /status` (one node) and `GET /cluster` (all of it). Operators, the proxy, the
 * CLI and the other agents read this one shape. Lsns and epochs travel as text. Display and routing only: it decides no election.
 */
import type { LeaderState, ProxyRecord } from './leader-record.ts';
import type { TimelineHistory } from './timeline.ts';

export type PostgresStatus =
  | { readonly kind: 'absent' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'starting' }
  /** `open`: ordinary clients are let in (pg_hba); false while a promotion or a crash restart is being proven. */
  | { readonly kind: 'primary'; readonly open: boolean }
  | { readonly kind: 'standby'; readonly streaming: boolean }
  | { readonly kind: 'unknown'; readonly why: string };

export type NodeStatus = {
  readonly name: string;
  readonly member: string | null;
  readonly cluster: string;
  /** What this node is doing in one word, from the agent's own decision. */
  readonly state: string;
  /** Why it is doing that, in one sentence. */
  readonly reason: string;
  readonly leadership: 'leader' | 'follower';
  readonly postgres: PostgresStatus;
  readonly serverVersion: string | null;
  readonly pgHost: string;
  readonly pgPort: number;
  readonly agentUrl: string;
  readonly epoch: string | null;
  readonly promised: string;
  readonly history: {
    readonly timeline: number;
    readonly ancestors: readonly { readonly timeline: number; readonly end: string }[];
  } | null;
  readonly receivedLsn: string | null;
  readonly replayedLsn: string | null;
  /** How long ago PostgreSQL was looked at for all this; null before the first look. */
  readonly seenAgeMs: number | null;
  /** Standby: bytes behind the leader's last known position; null when unknown. */
  readonly lagBytes: number | null;
  readonly pids: { readonly agent: number; readonly guard: number | null; readonly postmaster: number | null };
  readonly dataDir: string;
  readonly alarms: readonly string[];
  /** Phase name → ms, of the last failover or switchover this node led; null before the first. */
  readonly lastFailover: FailoverReport | null;
  /** An operator or balancer asks: does a write reach an authoritative primary here? */
  readonly healthy: boolean;
};

/** How a leadership came about, measured by the node that took it. Milliseconds from the moment the evidence arrived. */
export type FailoverReport = {
  readonly epoch: string;
  readonly trigger: string;
  readonly why: string;
  readonly at: string;
  readonly phases: readonly {
    readonly phase: 'detect' | 'fence' | 'choose' | 'claim' | 'promote' | 'route';
    readonly startMs: number;
    readonly endMs: number;
  }[];
};

export type ClusterStatus = {
  readonly cluster: string;
  readonly leader: {
    readonly name: string;
    readonly member: string;
    readonly epoch: string;
    readonly state: LeaderState['kind'];
    readonly mode: string;
    readonly k: number;
    readonly members: readonly string[];
    readonly timeline: number;
  } | null;
  readonly nodes: readonly (NodeStatus | { readonly name: string; readonly agentUrl: string; readonly unreachable: string })[];
  readonly operation: {
    readonly id: string;
    readonly kind: string;
    readonly from: string;
    readonly to: string;
    readonly stage: string;
    readonly stagesMs: Readonly<Record<string, number>>;
    readonly why: string | null;
  } | null;
  readonly proxies: readonly ProxyRecord[];
};

export function historyToJson(history: TimelineHistory, formatLsn: (value: bigint) => string): NonNullable<NodeStatus['history']> {
  return { timeline: history.timeline, ancestors: history.ancestors.map(({ timeline, end }) => ({ timeline, end: formatLsn(end) })) };
}
