/**
 * Notes rare states (sometimes.ts) that only a look at everything can tell. It judges nothing: what it sees is allowed, and has to have happened somewhere
 * in a full run.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { nameOf } from '../../shared/domain/node-id.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

export class Sightings {
  readonly #world: World;
  #nodes: readonly SimNode[] = [];
  #hasDegraded = false;
  #renewedAtMs = 0;
  #newestEpoch = 0n;
  #epochsWithWrites = 0;

  constructor(world: World) {
    this.#world = world;
  }

  begin(nodes: readonly SimNode[]): void {
    this.#nodes = nodes;
  }

  look(record: LeaderRecord | null): void {
    const primaries = this.#nodes.filter(({ life }) => life?.role === 'primary').length;
    if (primaries >= 2) this.#world.mark('two PostgreSQL primaries at once');
    if (primaries >= 3) this.#world.mark('three PostgreSQL primaries at once');
    if (record === null || record.set.k > 0) return;
    const life = this.#nodes.find(({ directory }) => directory?.marker === record.holder)?.life ?? null;
    if (life?.role === 'primary' && life.sync.setting.kind === 'placeholder' && life.sync.waitingCount > 0)
      this.#world.mark('a strict holder waited for a standby');
  }

  onRecord(record: LeaderRecord, before: LeaderRecord | null): void {
    this.#renewedAtMs = this.#world.nowMs;
    if (before !== null && before.set.k === 0 && record.set.k > 0 && this.#hasDegraded)
      this.#world.mark('the set went down to nobody and came back');
    if (before !== null && before.set.k > 0 && record.set.k === 0) this.#hasDegraded = true;
    for (const node of this.#nodes) {
      const former = record.set.members.find((member) => nameOf(member) === node.name);
      if (former !== undefined && node.file !== null && !former.endsWith(node.file.incarnation))
        this.#world.mark('a node came back under another incarnation while its former one was in the record');
    }
  }

  onClaim(): void {
    if (this.#nodes.some(({ file }) => file?.dir === 'rebuilding')) this.#world.mark('a failover during a rewind or clone');
  }

  onLatePromotion(): void {
    this.#world.mark('a promotion came after its epoch was over');
  }

  onAcknowledged(node: SimNode, epoch: bigint, record: LeaderRecord | null): void {
    if (epoch > this.#newestEpoch) {
      this.#newestEpoch = epoch;
      this.#epochsWithWrites += 1;
      if (this.#epochsWithWrites >= 4) this.#world.mark('writes acknowledged in four epochs');
    }
    if (record === null) return;
    if (epoch < record.epoch) this.#world.mark('an acknowledgement was given after a newer epoch had been claimed');
    if (node.guard.right !== null && record.ttlMs < this.#world.nowMs - this.#renewedAtMs)
      this.#world.mark('a primary lived through an outage of etcd longer than its lease');
  }
}
