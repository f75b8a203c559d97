/**
 * The node file: what a node must remember across every crash (PROTOCOL P2). It lies outside PGDATA, because clone and rewind turn PGDATA
 * into a copy of somebody else's. A promise that is not in it was never made.
 */
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { LeaderRecord, NodeRecord } from '../../shared/domain/leader-record.ts';
import type { Incarnation } from '../../shared/domain/node-id.ts';
import type { TimelineId } from '../../shared/domain/timeline.ts';

export type PromotionNote = { readonly epoch: Epoch; readonly timeline: TimelineId; readonly phase: 'begun' | 'done' };

export type NodeFile = {
  readonly incarnation: Incarnation;
  readonly systemId: string | null;
  readonly etcdClusterId: string | null;
  /** Highest etcd revision seen by a linearizable read; a lower one means that the store regressed (S6). */
  readonly etcdRevision: string;
  /** Newest repair of the store that this node went by: one excuses one exchange of the store, in whatever life of the agent the next comes. */
  readonly etcdRepair: Epoch | null;
  readonly bootCount: number;
  /** From here on this node follows, confirms, starts and promotes only for epochs ≥ promised. Never falls (I6). */
  readonly promised: Epoch;
  /** The last record acted on; its presence is what "a node with history" means. */
  readonly accepted: LeaderRecord | null;
  readonly promotion: PromotionNote | null;
  /** `rebuilding`: PGDATA is being rewound or cloned; whatever it looks like, it is not to be started. */
  readonly dir: 'absent' | 'ok' | 'rebuilding';
  /**
   * Why what lies in the data directory may follow nobody, and has to be made anew; only a force may still start it. Its own files do not say so: stopped,
   * it looks like any other standby.
   */
  readonly unfit: string | null;
  /** Where the others were last seen: an agent that starts while etcd is away asks them how they are (P8 A1), and nothing else of them. */
  readonly nodes: readonly NodeRecord[];
};

export interface NodeFileStore {
  /** The newest valid slot; null when there has never been one. Reads only. */
  load(): Promise<NodeFile | null>;
  /**
   * Durable when it resolves (write + fdatasync in a child process that can be abandoned when the disk hangs). Rejects with AppError after
   * `deadlineMs`; the next write then goes through a new child. Calls are serialised in order.
   */
  save(file: NodeFile, deadlineMs: number): Promise<void>;
  close(): Promise<void>;
}
