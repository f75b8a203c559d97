/**
 * Asks for a planned move by writing the operation into the store, where the leader finds it. It refuses what cannot be done; it moves nothing itself,
 * and does not wait.
 */
import { randomUUID } from 'node:crypto';
import type { NodeConfig } from '../../shared/config/node-config.ts';
import { isOpen, type LeaderRecord, type OperationRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, type MemberId } from '../../shared/domain/node-id.ts';
import { ABSENT, type Dcs } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import { encodeOperation } from '../../shared/dcs/records.ts';
import { modRevision } from '../../shared/dcs/swap.ts';
import { appError } from '../../shared/errors.ts';
import { wallClockIso } from '../../shared/runtime/clock.ts';
import type { Facts } from '../core/facts.ts';
import type { AgentMachine } from '../machine/machine.ts';

export type SwitchoverParts = {
  readonly config: NodeConfig;
  readonly machine: AgentMachine;
  readonly facts: () => Facts;
  readonly dcs: Dcs;
  readonly keys: Keys;
};

/** Throws an AppError that says why not. `to` null: whoever is best. */
export async function requestSwitchover(parts: SwitchoverParts, to: string | null): Promise<{ readonly id: string }> {
  const { machine, dcs, keys, config } = parts;
  const facts = parts.facts();
  const { view, operation } = facts.store;
  if (view.kind !== 'present' || view.record.state.kind !== 'serving') throw appError('PGB-1405', 'a switchover needs a serving leader');
  const { record } = view;
  // An operation of an epoch that is over has lost its leader; it is in nobody's way.
  if (operation !== null && isOpen(operation) && operation.epoch === record.epoch)
    throw appError('PGB-1404', `${operation.kind} to ${nameOf(operation.to)} is at stage ${operation.stage}`);
  const target = chooseTarget(facts, record, to);
  const next: OperationRecord = {
    id: randomUUID(),
    kind: 'switchover',
    from: record.holder,
    to: target,
    stage: 'requested',
    stagesMs: { requested: 0 },
    epoch: record.epoch,
    why: null,
    requestedAt: wallClockIso(),
  };
  const outcome = await dcs.change(
    {
      key: keys.operation,
      expected: machine.store.operationRevision === null ? ABSENT : modRevision(machine.store.operationRevision),
      value: encodeOperation(next),
      nonce: next.id,
    },
    { budgetMs: 3 * config.policy.etcdCallMs, signal: AbortSignal.timeout(4 * config.policy.etcdCallMs) },
  );
  if (outcome.kind === 'committed') return { id: next.id };
  if (outcome.kind === 'unknown' || outcome.kind === 'refused') throw appError('PGB-1406', outcome.why);
  throw appError('PGB-1404', 'another operation was requested at the same moment');
}

function chooseTarget(facts: Facts, record: LeaderRecord, to: string | null): MemberId {
  if (to !== null) {
    const node = [...facts.store.nodes.values()].find((one) => nameOf(one.member) === to);
    if (node === undefined) throw appError('PGB-1408', to);
    if (node.member === record.holder) throw appError('PGB-1401', `${to} is the leader already`);
    if (record.mode === 'quorum' && !record.set.members.includes(node.member))
      throw appError('PGB-1403', `${to} is not in the synchronous set: it is not caught up, or not streaming`);
    return node.member;
  }
  const candidates = [
    ...facts.peers.values(),
    ...(facts.self.member === record.holder
      ? []
      : [{ member: facts.self.member, name: facts.self.name, priority: facts.self.priority, extent: null }]),
  ]
    .filter(
      (peer) => peer.priority > 0 && peer.member !== record.holder && (record.mode === 'async' || record.set.members.includes(peer.member)),
    )
    .toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
  const best = candidates[0];
  if (best === undefined) throw appError('PGB-1403', 'no standby can take over: none is caught up and reachable');
  return best.member;
}
