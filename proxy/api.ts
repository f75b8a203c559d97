/** What the proxy tells about itself over HTTP. Whoever reads needs no token; what changes anything is in operator-api.ts. */
import { addHealthRoute, createHttpServer, type HttpServer } from '../shared/http/server.ts';
import type { Logger } from '../shared/logging/logger.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { stalenessOf } from './core/freshness.ts';
import type { NodeView, View } from './core/view.ts';
import type { GateStatus } from './gate.ts';
import { METRICS_TYPE, renderMetrics } from './metrics.ts';
import { addOperatorRoutes, type OperatorParts } from './operator-api.ts';
import type { Cancels } from './cancel.ts';
import { addMoveRoutes, type Movers } from './move/move-api.ts';
import { addCancelRoute } from './peer-cancel.ts';
import type { Counts, Router, WishCounts } from './router.ts';
import type { ViewFollower } from './view.ts';
import type { WeakCommitCounts, WeakCommits } from './weak-commits.ts';

export type ProxyIdentity = { readonly id: string; readonly cluster: string; readonly rwPort: number; readonly roPort: number };

export type ProxyStatus = ProxyIdentity & {
  readonly leader: { readonly member: string; readonly epoch: string; readonly state: string } | null;
  /** Where a new session of each port would go now; null: it would be held. */
  readonly readWriteTarget: string | null;
  readonly nodes: readonly {
    readonly member: string;
    readonly host: string;
    readonly port: number;
    readonly postgres: string | null;
    readonly lagBytes: number | null;
    /** The leader was at a position that this server shows no longer ago than this; null: unknown, or longer than is remembered. */
    readonly stalenessMs: number | null;
    readonly answers: boolean;
  }[];
  /** What an operator has asked for. */
  readonly admission: GateStatus;
  readonly counts: Counts;
  /** Sessions that wished to see a token, or nothing too old: who met the wish, or why nobody did. */
  readonly wishes: WishCounts;
  /** Sessions whose commits may be lost although the mode promises otherwise. */
  readonly weakCommits: WeakCommitCounts;
  readonly view: {
    /** Since etcd last said anything; null before the first word. */ readonly ageMs: number | null;
    readonly lostWhy: string | null;
  };
};

export type ApiOptions = {
  readonly host: string;
  readonly port: number;
  /** Asked for with every request: the ports are known only once they are bound. */
  readonly identity: () => ProxyIdentity;
  readonly view: ViewFollower;
  readonly router: Router;
  readonly operators: OperatorParts;
  readonly movers: Movers;
  readonly cancels: Cancels;
  readonly weakCommits: WeakCommits;
  readonly log: Logger;
};

export function createApi(options: ApiOptions): HttpServer {
  const { host, port, log } = options;
  const server = createHttpServer({ host, port, logger: log });
  server.app.get('/status', () => statusOf(options));
  server.app.get('/metrics', async (_request, reply) => reply.type(METRICS_TYPE).send(renderMetrics(statusOf(options))));
  addOperatorRoutes(server.app, options.operators);
  addMoveRoutes(server.app, options.operators.token, options.movers);
  addCancelRoute(server.app, options.operators.token, options.cancels);
  // Alive: the process answers. Ready: a client that connects now gets a server without being held.
  addHealthRoute(server.app, '/liveness', () => ({ healthy: true, body: { alive: true } }));
  for (const path of ['/readiness', '/health']) {
    addHealthRoute(server.app, path, () => {
      const status = statusOf(options);
      return { healthy: status.readWriteTarget !== null && status.admission.kind === 'open', body: status };
    });
  }
  return server;
}

function statusOf({ identity, view, router, weakCommits, operators }: ApiOptions): ProxyStatus {
  const { leader, nodes, trail } = view.current;
  const { heardAtMs, lostWhy } = view.health;
  return {
    ...identity(),
    leader: leader === null ? null : { member: leader.holder, epoch: leader.epoch.toString(), state: leader.state.kind },
    readWriteTarget: router.readWriteTarget,
    nodes: [...nodes.values()].map((node) => nodeOf(node, trail)),
    admission: operators.gate.status,
    counts: router.counts,
    wishes: router.wishes,
    weakCommits: weakCommits.counts,
    view: { ageMs: heardAtMs === null ? null : Math.round(monotonicMs() - heardAtMs), lostWhy },
  };
}

function nodeOf({ record, fact, silentSinceMs }: NodeView, trail: View['trail']): ProxyStatus['nodes'][number] {
  const { member, pgHost, pgPort } = record;
  return {
    member,
    host: pgHost,
    port: pgPort,
    postgres: fact?.postgres.kind ?? null,
    lagBytes: fact?.lagBytes ?? null,
    stalenessMs: roundedOrNull(stalenessOf(fact?.replayed ?? null, trail, monotonicMs())),
    answers: fact !== null && silentSinceMs === null,
  };
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}
