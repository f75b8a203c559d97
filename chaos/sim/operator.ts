/**
 * What people do to the simulated cluster, in good faith: planned moves, forced ones, and the repair of a store that has gone back. They know what the
 * agents say and what lies in the machine room, and no more.
 */
import { planRepair, type Witness } from '../../agent/core/repair.ts';
import { isOpen } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { Cluster } from './cluster.ts';
import { CLIENT_HOST } from './network.ts';
import type { SimNode } from './node.ts';

const PATIENCE_MS = 3_000;

export class Operator {
  readonly #cluster: Cluster;
  #nextForceMs = 0;
  #nextRepairMs = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** As the agents' API would accept it: a serving leader, a member of its set, no other operation open. */
  requestSwitchover(target: SimNode): void {
    const { store, world } = this.#cluster;
    const { record, operation, nodes } = store;
    if (record === null || record.state.kind !== 'serving') return;
    if (operation !== null && isOpen(operation) && operation.epoch === record.epoch) return;
    const to = nodes.get(target.name)?.member;
    if (to === undefined || to === record.holder || !record.set.members.includes(to)) return;
    world.tell('operator', () => `asks for a switchover to ${target.name}`);
    store.putOperation(
      CLIENT_HOST,
      {
        id: `operation-${String(world.events)}`,
        kind: 'switchover',
        from: record.holder,
        to,
        stage: 'requested',
        stagesMs: { requested: 0 },
        epoch: record.epoch,
        why: null,
        requestedAt: '',
      },
      () => undefined,
    );
  }

  /** With k = 0 only the holder itself may go on. When its data is gone for good, or its agent says that they are not what it claimed with, somebody must say so. */
  replaceLostLeader(): void {
    const { world, store, leader } = this.#cluster;
    const { record } = store;
    if (record === null || world.nowMs < this.#nextForceMs) return;
    const alarm = leader === null ? null : (this.#cluster.agentOf(leader).machine?.decision.alarm ?? null);
    const asksForUs = alarm?.endsWith('an operator must fail over') === true;
    if (leader?.directory?.marker === record.holder && !asksForUs) return;
    this.#nextForceMs = world.nowMs + PATIENCE_MS;
    this.forceFailover();
  }

  /**
   * T11, in good faith: an operator forces the best node that still runs, and declares lost only machines that are off; those are scrapped, as
   * was said of them.
   */
  forceFailover(): void {
    const cluster = this.#cluster;
    const { record } = cluster.store;
    const isWhole = (node: SimNode): boolean =>
      cluster.agentOf(node).machine?.file.dir === 'ok' && node.directory?.marker !== record?.holder;
    const best = cluster.nodes
      .filter((node) => node.isPowered && isWhole(node))
      .toSorted((a, b) => (b.directory?.wal.end ?? 0) - (a.directory?.wal.end ?? 0))[0];
    if (record === null || best === undefined) return;
    const lost = [...record.set.members, record.holder].filter(
      (member) => !cluster.nodes.some((node) => node.isPowered && node.directory?.marker === member),
    );
    for (const node of cluster.nodes) if (!node.isPowered && node.directory !== null) cluster.loseDisk(node);
    cluster.world.tell('operator', () => `forces ${best.name}, declares lost ${lost.join(' ') || 'nobody'}`);
    cluster.world.mark('an operator forced a failover');
    cluster.agentOf(best).takeOver(lost);
  }

  /** S6, as `pgbaton store repair` does it; nobody is given up. */
  repairStore(): void {
    const { world, store, nodes, agents } = this.#cluster;
    const isDistrusted = agents.some(({ machine }) => machine !== null && machine.store.facts().regressed !== null);
    if (!isDistrusted || store.mood.isDown || world.nowMs < this.#nextRepairMs) return;
    this.#nextRepairMs = world.nowMs + PATIENCE_MS;
    world.mark('a store that had gone back was refused');
    const testimonies = agents.map(({ node, process, inbox }) => ({ name: node.name, said: process.isRunning ? inbox.testimony() : null }));
    const plan = planRepair({
      witnesses: testimonies.flatMap(({ said }): readonly Witness[] => (said === null ? [] : [said])),
      silent: testimonies.filter(({ said }) => said === null).map(({ name }) => name),
      declaredLost: [],
      current: store.record,
    });
    if (plan.kind === 'refused') {
      world.tell('operator', () => `cannot repair the store: ${plan.why}`);
      return;
    }
    const { record, history } = plan;
    const nonce = `repair-${String(world.events)}`;
    world.tell('operator', () => `repairs the store: ${nameOf(record.holder)} at epoch ${record.epoch.toString()}`);
    const { leaderRevision } = store;
    // Testimonies and the write are not one moment.
    world.after(world.random(`repair ${String(nodes.length)} ${nonce}`).between(1, 400), () =>
      store.change(CLIENT_HOST, { record: { ...record, nonce }, expected: leaderRevision, history }, (answer) => {
        if (answer.kind === 'committed') world.mark('a store was repaired');
      }),
    );
  }
}
