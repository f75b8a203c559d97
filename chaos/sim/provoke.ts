/**
 * Brings about what chance would take for ever to: the ask that an armed failpoint waits for, or a moment of an election. It uses the cluster's own faults
 * and its operator, and never makes an agent do what the situation does not.
 */
import { nameOf } from '../../shared/domain/node-id.ts';
import type { Cluster } from './cluster.ts';
import type { Failpoint } from './failpoint.ts';
import type { HostName } from './network.ts';
import type { SimNode } from './node.ts';
import type { Random } from './random.ts';

/** A killed standby's walsender has gone by then. */
const STREAM_ENDS_MS = 100;

/** Undoes what was done; null when it is over by itself. */
export type End = (() => void) | null;

export class Provoker {
  readonly #cluster: Cluster;
  readonly #random: Random;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Somebody is to ask for this soon. */
  provoke(name: Failpoint): End {
    const cluster = this.#cluster;
    switch (name) {
      case 'stop-fast':
      case 'change-record/T2':
      case 'change-record/T9':
        cluster.operator.requestSwitchover(this.#random.pick(cluster.nodes));
        return null;
      case 'change-record/T9-abort':
        return this.#loseTargetAtHandover();
      case 'change-record/T8':
        return this.#keepLeaderDown();
      case 'change-record/T7':
        return this.#removeMember();
      case 'clone':
      case 'rewind':
        cluster.promoteByHand(this.#random.pick(cluster.nodes));
        return null;
      default:
        cluster.killPostmaster(this.#leader());
        return null;
    }
  }

  /**
   * Two leaders lost in a row (H1): whoever claims after the first dies in the moment of its claim, before anybody has followed it. What its floor
   * tells is then all there is of the first one's set.
   */
  loseNextClaimant(): End {
    const cluster = this.#cluster;
    return this.#strikeClaimant(60, (claimant) => {
      cluster.powerOff(claimant);
      return () => cluster.powerOn(claimant);
    });
  }

  /** The same, but it only stands still, with a promotion under way that nobody waits for any more when it goes on. */
  freezeNextClaimant(): End {
    return this.#strikeClaimant(150, (claimant) => this.#cluster.freeze(claimant, false));
  }

  /**
   * A member whose stream broke comes back in the moment in which the leader writes a set without it: its walsender has read the former one, and re-reads
   * late (H23). The leader had seen it gone, or it would not have begun.
   */
  returnAtRemoval(): End {
    const cluster = this.#cluster;
    const { network, world } = cluster;
    const leader = this.#leader();
    const member = this.#random.pick(cluster.nodes.filter((node) => node !== leader));
    const before = { ...leader.weather };
    let isCut = false;
    let isOver = false;
    const heal = (): void => {
      if (isCut) for (const [from, to] of bothWays(leader.name, member.name)) network.heal(from, to);
      isCut = false;
      leader.onSettingComes = () => undefined;
    };
    cluster.killPostmaster(member);
    world.after(STREAM_ENDS_MS, () => {
      if (isOver) return;
      for (const [from, to] of bothWays(leader.name, member.name)) network.cut(from, to);
      isCut = true;
      // The file is a while on its way to the disk, and the member knocks every tenth of a second.
      leader.weather.flushMs = 60;
      leader.weather.rereadMs = 2_500;
      leader.onSettingComes = heal;
    });
    return () => {
      isOver = true;
      heal();
      leader.weather.flushMs = before.flushMs;
      leader.weather.rereadMs = before.rereadMs;
    };
  }

  #strikeClaimant(withinMs: number, strike: (claimant: SimNode) => () => void): End {
    const cluster = this.#cluster;
    const former = this.#leader();
    let isOver = false;
    let end: End = null;
    const forget = cluster.onRecord((record, before) => {
      const claimant = cluster.node(nameOf(record.holder));
      if (record.state.kind !== 'promoting' || record.holder === before?.holder || claimant === null) return;
      forget();
      cluster.world.after(this.#random.between(0, withinMs), () => {
        if (!isOver) end = strike(claimant);
      });
    });
    if (this.#random.chance(0.5)) cluster.killPostmaster(former);
    else cluster.powerOff(former);
    return () => {
      isOver = true;
      forget();
      end?.();
      cluster.powerOn(former);
    };
  }

  /** The target goes away between its drain and its claim. */
  #loseTargetAtHandover(): End {
    const cluster = this.#cluster;
    const target = this.#random.pick(cluster.nodes);
    const forget = cluster.onRecord((record) => {
      if (record.state.kind === 'handing-over') cluster.world.after(0, () => cluster.powerOff(target));
    });
    cluster.operator.requestSwitchover(target);
    return forget;
  }

  /** A leader that ended with its agent finds nobody to tell, tries to start in place, and gives its record up when that fails again and again. */
  #keepLeaderDown(): End {
    const cluster = this.#cluster;
    const leader = this.#leader();
    leader.weather.startRefusals += 1;
    cluster.killAgent(leader);
    cluster.killPostmaster(leader);
    cluster.world.after(this.#random.between(70, 300), () => cluster.startAgent(leader));
    return () => {
      leader.weather.startRefusals -= 1;
    };
  }

  #removeMember(): End {
    const cluster = this.#cluster;
    const others = cluster.nodes.filter((node) => node !== cluster.leader);
    const member = this.#random.pick(others);
    // Its walsender sees the end of a killed server at once, that of a lost machine only by silence.
    if (this.#random.chance(0.5)) cluster.powerOff(member);
    else {
      member.weather.startRefusals += 1;
      cluster.killPostmaster(member);
      return () => {
        member.weather.startRefusals -= 1;
      };
    }
    return () => cluster.powerOn(member);
  }

  #leader(): SimNode {
    return this.#cluster.leader ?? this.#random.pick(this.#cluster.nodes);
  }
}

function bothWays(one: HostName, other: HostName): readonly (readonly [from: HostName, to: HostName])[] {
  return [
    [one, other],
    [other, one],
  ];
}
