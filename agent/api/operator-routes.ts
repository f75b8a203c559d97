/**
 * What operators and programs ask of an agent: the state of the node and of the cluster, and the planned or forced moves. Any agent answers
 * for the whole cluster. Reading needs no token; changing anything does.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NodeConfig } from '../../shared/config/node-config.ts';
import type { ClusterStatus, NodeStatus } from '../../shared/domain/cluster-status.ts';
import { formatLsn } from '../../shared/domain/lsn.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { Dcs } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import { decodeProxy } from '../../shared/dcs/records.ts';
import { appError } from '../../shared/errors.ts';
import { httpJson } from '../../shared/http/client.ts';
import { addHealthRoute, parse, requireToken } from '../../shared/http/server.ts';
import type { Facts } from '../core/facts.ts';
import type { AgentLoop } from '../loop/agent-loop.ts';
import type { AgentMachine } from '../machine/machine.ts';
import { HEALTH_PATHS, isHealthy, parseLag } from './health.ts';
import { nodeStatusOf } from './node-status.ts';
import { requestSwitchover } from './request-switchover.ts';

export type OperatorRoutesParts = {
  readonly config: NodeConfig;
  readonly loop: AgentLoop;
  readonly machine: AgentMachine;
  readonly facts: () => Facts;
  readonly dcs: Dcs;
  readonly keys: Keys;
  /** What an operator has to hear of, each with its code. */
  readonly alarms: () => readonly string[];
};

const switchoverBody = z.object({ to: z.string().nullable().default(null) });
const failoverBody = z.object({ to: z.string(), force: z.boolean().default(false), declareLost: z.array(z.string()).default([]) });
const PEER_TIMEOUT_MS = 700;

export function addOperatorRoutes(app: FastifyInstance, parts: OperatorRoutesParts): void {
  const { loop } = parts;
  const onRequest = requireToken(parts.config.secrets.peerToken);
  const status = (): NodeStatus =>
    nodeStatusOf({
      facts: parts.facts(),
      decision: parts.machine.decision,
      config: parts.config,
      lastFailover: parts.machine.lastFailover,
      alarms: parts.alarms(),
    });
  for (const path of HEALTH_PATHS) {
    addHealthRoute(app, path, (request) => {
      const query = z.object({ lag: z.string().optional() }).safeParse(request.query);
      const lag = parseLag(query.success ? query.data.lag : undefined);
      if (lag === undefined) throw appError('PGB-1602', 'lag must be a number of bytes, or carry kB, MB or GB');
      const body = status();
      return { healthy: isHealthy(body, { path, lagBytesMax: lag }), body };
    });
  }
  app.get('/status', async (request) => {
    // A proxy whose clients wait for a replay cannot wait for the next ordinary look.
    if (z.object({ fresh: z.string() }).safeParse(request.query).success) await loop.fresh();
    return status();
  });
  app.get('/cluster', async () => clusterStatus(parts, status()));
  app.get('/history', async () => ({
    entries: parts
      .facts()
      .store.history.toSorted((a, b) => (a.epoch < b.epoch ? -1 : 1))
      .map((entry) => ({
        ...entry,
        epoch: entry.epoch.toString(),
        floor: { timeline: entry.floor.timeline, lsn: formatLsn(entry.floor.lsn) },
        ancestors: entry.ancestors.map(({ timeline, end }) => ({ timeline, end: formatLsn(end) })),
      })),
  }));
  app.get('/operation/:id', async (request) => {
    const { id } = parse(z.object({ id: z.string() }), request.params);
    const { operation } = parts.facts().store;
    if (operation?.id !== id) throw appError('PGB-1603', `operation ${id}`);
    return { ...operation, epoch: operation.epoch.toString() };
  });
  app.post('/switchover', { onRequest }, async (request, reply) =>
    reply.code(202).send(await requestSwitchover(parts, parse(switchoverBody, request.body).to)),
  );
  app.post('/failover', { onRequest }, async (request, reply) =>
    reply.code(202).send(requestFailover(parts, parse(failoverBody, request.body))),
  );
}

async function clusterStatus(parts: OperatorRoutesParts, own: NodeStatus): Promise<ClusterStatus> {
  const { config, dcs, keys } = parts;
  const facts = parts.facts().store;
  const others = [...facts.nodes.values()].filter((node) => nameOf(node.member) !== config.name);
  const [nodes, proxies] = await Promise.all([
    Promise.all(
      others.map(async (node): Promise<ClusterStatus['nodes'][number]> => {
        const reply = await httpJson({ url: `${node.agentUrl}/status`, method: 'GET', timeoutMs: PEER_TIMEOUT_MS });
        if (reply.kind === 'ok' && reply.status === 200 && isNodeStatus(reply.body)) return reply.body;
        return {
          name: nameOf(node.member),
          agentUrl: node.agentUrl,
          unreachable: reply.kind === 'failed' ? reply.why : `answered ${String(reply.status)}`,
        };
      }),
    ),
    dcs.read([keys.proxies], { budgetMs: PEER_TIMEOUT_MS, signal: AbortSignal.timeout(PEER_TIMEOUT_MS) }),
  ]);
  const { operation, view } = facts;
  return {
    cluster: config.cluster,
    leader: view.kind === 'present' ? leaderStatus(view.record) : null,
    nodes: [own, ...nodes].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    operation:
      operation === null
        ? null
        : {
            id: operation.id,
            kind: operation.kind,
            from: nameOf(operation.from),
            to: nameOf(operation.to),
            stage: operation.stage,
            stagesMs: { ...operation.stagesMs },
            why: operation.why,
          },
    proxies: proxies.kind === 'read' ? proxies.records.flatMap((record) => proxyOf(record.value)) : [],
  };
}

function isNodeStatus(body: unknown): body is NodeStatus {
  return typeof body === 'object' && body !== null && 'name' in body && 'postgres' in body && 'leadership' in body;
}

function leaderStatus(record: LeaderRecord): NonNullable<ClusterStatus['leader']> {
  return {
    name: nameOf(record.holder),
    member: record.holder,
    epoch: record.epoch.toString(),
    state: record.state.kind,
    mode: record.mode,
    k: record.set.k,
    members: record.set.members,
    timeline: record.timeline,
  };
}

/** Somebody else's key under our prefix is not a proxy; it is not worth an alarm either. */
function proxyOf(text: string): ClusterStatus['proxies'] {
  const decoded = decodeProxy(text);
  return decoded.kind === 'ok' ? [decoded.value] : [];
}

function requestFailover(parts: OperatorRoutesParts, body: z.output<typeof failoverBody>): { readonly epoch: string } {
  const { config, loop } = parts;
  if (body.to !== config.name) throw appError('PGB-1401', `ask the agent of ${body.to}: this is ${config.name}`);
  const facts = parts.facts();
  const { view } = facts.store;
  if (view.kind !== 'present') throw appError('PGB-1405', 'the leader record has not been read');
  if (view.record.holder === facts.self.member) throw appError('PGB-1401', `${config.name} is the leader already`);
  if (config.priority === 0) throw appError('PGB-1403', `${config.name} is configured never to lead`);
  const known = [...view.record.set.members, view.record.holder];
  const declareLost = body.declareLost.map((name) => {
    const member = known.find((one) => nameOf(one) === name);
    if (member === undefined) throw appError('PGB-1408', `${name} is not in the record`);
    return member;
  });
  if (!body.force && !view.record.set.members.includes(facts.self.member))
    throw appError(
      'PGB-1403',
      `${config.name} is not in the synchronous set: acknowledged writes may be missing here; --force accepts that`,
    );
  loop.feed({ kind: 'takeover', force: body.force, declareLost });
  return { epoch: view.record.epoch.toString() };
}
