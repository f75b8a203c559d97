/**
 * `POST /store/repair`: hears what every node has on its disk and puts the newest record back (PROTOCOL S6, core/repair.ts). It runs only where the
 * store is distrusted, and changes nothing before every node has answered or been given up by the operator.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NodeConfig } from '../../shared/config/node-config.ts';
import { ABSENT, type Dcs, type ReadOutcome } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import { decodeLeader, decodeNode, encodeHistoryEntry, encodeLeader } from '../../shared/dcs/records.ts';
import type { NodeRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, parseNodeName, type NodeName } from '../../shared/domain/node-id.ts';
import { appError } from '../../shared/errors.ts';
import { parse, requireToken } from '../../shared/http/server.ts';
import { wallClockIso } from '../../shared/runtime/clock.ts';
import type { Facts } from '../core/facts.ts';
import { planRepair, type Repair } from '../core/repair.ts';
import type { PeerClient } from '../peer/peer-client.ts';
import { testimonyOf } from './node-status.ts';

export type RepairRouteParts = {
  readonly config: NodeConfig;
  readonly facts: () => Facts;
  readonly dcs: Dcs;
  readonly keys: Keys;
  readonly peers: PeerClient;
};

const body = z.object({
  declareLost: z.array(z.string()).default([]),
  /** Only say what would be done. */
  dryRun: z.boolean().default(false),
});

const TESTIMONY_MS = 2_000;
const READ_BUDGET_MS = 3_000;

type Read = Extract<ReadOutcome, { kind: 'read' }>;
type Planned = Extract<Repair, { kind: 'repair' }>;

export function addRepairRoute(app: FastifyInstance, parts: RepairRouteParts): void {
  app.post('/store/repair', { onRequest: requireToken(parts.config.secrets.peerToken) }, async (request) => {
    const { declareLost, dryRun } = parse(body, request.body);
    const distrust = parts.facts().store.regressed;
    if (distrust === null) throw appError('PGB-1409', `${parts.config.name} trusts the store it sees`);
    const read = await readStore(parts);
    const plan = await planFrom(parts, read, declareLost);
    if (!dryRun) await write(parts, read, plan);
    const { record, by } = plan;
    return {
      distrust,
      epoch: record.epoch.toString(),
      leader: nameOf(record.holder),
      by,
      members: record.set.members.map(nameOf),
      written: !dryRun,
    };
  });
}

async function readStore({ dcs, keys }: RepairRouteParts): Promise<Read> {
  const read = await dcs.read([keys.leader, keys.nodes], { budgetMs: READ_BUDGET_MS, signal: AbortSignal.timeout(READ_BUDGET_MS) });
  if (read.kind === 'unavailable') throw appError('PGB-1201', read.why);
  return read;
}

async function planFrom({ facts, keys, peers }: RepairRouteParts, read: Read, declareLost: readonly string[]): Promise<Planned> {
  const leader = read.records.find(({ key }) => key === keys.leader);
  const decoded = leader === undefined ? null : decodeLeader(leader.value);
  const nodes = new Map<NodeName, NodeRecord>();
  for (const { key, value } of read.records) {
    const node = key.startsWith(keys.nodes) ? decodeNode(value) : null;
    if (node?.kind === 'ok') nodes.set(nameOf(node.value.member), node.value);
  }
  // What this node remembers is newer than a store that has gone back.
  for (const [name, node] of facts().store.nodes) nodes.set(name, node);
  const own = facts().self.name;
  const others = [...nodes].filter(([name]) => name !== own);
  const signal = AbortSignal.timeout(2 * TESTIMONY_MS);
  const heard = await Promise.all(
    others.map(async ([name, node]) => ({ name, said: await peers.testimony(node.agentUrl, TESTIMONY_MS, signal) })),
  );
  const plan = planRepair({
    witnesses: [testimonyOf(facts()), ...heard.flatMap(({ name, said }) => (said?.name === name ? [said] : []))],
    silent: heard.filter(({ name, said }) => said?.name !== name).map(({ name }) => name),
    declaredLost: declareLost.map(nodeName),
    current: decoded?.kind === 'ok' ? decoded.value : null,
  });
  if (plan.kind === 'refused') throw appError('PGB-1409', plan.why);
  return plan;
}

function nodeName(text: string): NodeName {
  const name = parseNodeName(text);
  if (name === null) throw appError('PGB-1408', text);
  return name;
}

async function write({ config, dcs, keys }: RepairRouteParts, read: Read, { record, history }: Planned): Promise<void> {
  const nonce = randomBytes(12).toString('base64url');
  const outcome = await dcs.change(
    {
      key: keys.leader,
      expected: read.records.find(({ key }) => key === keys.leader)?.modRevision ?? ABSENT,
      value: encodeLeader({ ...record, nonce }),
      nonce,
      also: [{ key: keys.historyEntry(history.epoch), value: encodeHistoryEntry({ ...history, at: wallClockIso() }) }],
    },
    { budgetMs: 3 * config.policy.etcdCallMs, signal: AbortSignal.timeout(4 * config.policy.etcdCallMs) },
  );
  switch (outcome.kind) {
    case 'committed':
      return;
    case 'unknown':
      throw appError('PGB-1406', outcome.why);
    case 'refused':
      throw appError('PGB-1202', outcome.why);
    case 'rejected':
    case 'superseded':
      throw appError('PGB-1409', 'the record was changed at the same moment: look again');
  }
}
