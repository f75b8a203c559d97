/**
 * Every node, standbys too, keeps a replication slot for every other node: a follower pointed at a new primary that lacks its slot cannot
 * attach, and the promotion would wait for it. On a standby the job also moves the slots along, so that they do not keep WAL for ever.
 */
import { slotName, type MemberId } from '../../shared/domain/node-id.ts';
import type { ServerFacts } from '../postgres/port.ts';
import { job, mayRetry } from './decision.ts';
import type { Action } from './actions.ts';
import type { Facts } from './facts.ts';
import type { Memory } from './memory.ts';

const MOVE_ALONG_MS = 10_000;

/** The slots job when one is due, and the memory that it was asked for. */
export function keepSlots(
  facts: Facts,
  memory: Memory,
  server: ServerFacts,
): { readonly actions: readonly Action[]; readonly memory: Memory } {
  const members: readonly MemberId[] = [...facts.store.nodes.values()]
    .map((node) => node.member)
    .filter((member) => member !== facts.self.member);
  const wanted = members.map(slotName);
  const ours = server.physicalSlots.filter((slot) => slot.startsWith('pgbaton_'));
  const differ = wanted.some((slot) => !ours.includes(slot)) || ours.some((slot) => !wanted.includes(slot));
  // A slot of a member that is gone stays while it is in use; asking again at once would be a loop.
  const isDue = memory.slotsKeptAtMs === null || facts.reached(memory.slotsKeptAtMs + (differ ? 1_000 : MOVE_ALONG_MS));
  if (!(differ || server.inRecovery) || !isDue || facts.job !== null || !mayRetry(facts, 'slots')) return { actions: [], memory };
  return { actions: [job({ kind: 'slots', members })], memory: { ...memory, slotsKeptAtMs: facts.nowMs } };
}
