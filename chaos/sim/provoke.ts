/**
 * Brings about what chance would take for ever to: the ask that an armed failpoint waits for, or a moment of an election. It uses the cluster's own faults
 * and its operator, and never makes an agent do what the situation does not.
 */
import { nameOf } from '../../shared/domain/node-id.ts';
import type { Cluster } from './cluster.ts';
import type { Failpoint } from './failpoint.ts';
import type { HostName } from './network.ts';
import { CALM_WEATHER, type SimNode } from './node.ts';
import type { Random } from './random.ts';
import { STORE_HOST } from './sim-store.ts';

/** A killed standby's walsender has gone by then. */
const STREAM_ENDS_MS = 100;
/** By then whoever came back has said its first word, and replayed. */
const RETURNED_MS = 3_000;

/** By then members have answered a leader that ended, and nobody's patience with it is over (promiseByMs). */
const PROMISED_MS = 150;

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
      case 'park-clients':
      case 'stop-fast':
      case 'change-record/T2':
      case 'change-record/T9':
        cluster.operator.requestSwitchover(this.#follower());
        return null;
      case 'change-record/T3':
        return this.#promiseInVain();
      case 'change-record/T9-abort':
        return this.#loseTargetAtHandover();
      case 'change-record/T8':
        return this.#keepLeaderDown();
      case 'change-record/T7':
        return this.#removeMember();
      case 'rewind':
        return this.#leaveTail();
      case 'clone':
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
   * A member whose stream broke comes back while the leader takes it out of its set: a walsender is there that has read the former set and re-reads late (H23),
   * and the leader does not count on it, because not a word of it has come over the slow link yet.
   */
  returnAtRemoval(): void {
    const cluster = this.#cluster;
    const { network, world } = cluster;
    const leader = this.#leader();
    const member = this.#follower();
    const { flushMs, rereadMs } = CALM_WEATHER;
    cluster.killPostmaster(member);
    world.after(STREAM_ENDS_MS, () => {
      network.worsen(member.name, leader.name, { delayMs: this.#random.pick([500, 900]), loss: 0 });
      Object.assign(leader.weather, { flushMs: 60, rereadMs: 400 });
    });
    world.after(RETURNED_MS, () => {
      network.mend(member.name, leader.name);
      Object.assign(leader.weather, { flushMs, rereadMs });
    });
  }

  /** A standby that has just come back, with more on its disk than it has replayed, is asked how far it is (P4.5). */
  askWhileReplaying(): void {
    const { world } = this.#cluster;
    const member = this.#follower();
    member.weather.replayMs = 120;
    this.#cluster.killPostmaster(member);
    world.after(this.#random.between(150, 900), () => this.#cluster.killPostmaster(this.#leader()));
    world.after(RETURNED_MS, () => (member.weather.replayMs = CALM_WEATHER.replayMs));
  }

  /** The one member that has what was acknowledged is promoted by hand, and at once the leader ends: somebody behind asks for its promise (H24). */
  loseLeaderBehindHandMade(): void {
    const cluster = this.#cluster;
    const { world } = cluster;
    const best = this.#follower();
    const slow = cluster.nodes.filter((node) => node !== best && node !== cluster.leader);
    for (const { weather } of slow) weather.flushMs = 80;
    world.after(this.#random.between(200, 600), () => {
      cluster.promoteByHand(best);
      cluster.killPostmaster(this.#leader());
    });
    world.after(RETURNED_MS, () => {
      for (const { weather } of slow) weather.flushMs = CALM_WEATHER.flushMs;
    });
  }

  /** The leader is to hand over to a member whose disk is slow; others acknowledge meanwhile, and the leader does not wait for ever with its stop (T9). */
  moveToLaggard(): void {
    const cluster = this.#cluster;
    const { world } = cluster;
    const target = this.#follower();
    target.weather.flushMs = this.#random.pick([200, 900]);
    world.after(this.#random.between(100, 900), () => cluster.operator.requestSwitchover(target));
    world.after(2 * RETURNED_MS, () => (target.weather.flushMs = CALM_WEATHER.flushMs));
  }

  /**
   * The heir of a planned move is held up between the hand-over and its claim (T9, H6). The old leader has to wait for the claim, and to take the record back
   * before anything else where none comes. Started by its own word it has the other members acknowledge what the heir lacks, and the claim, which asks
   * nobody, throws that away; and where the heir is not the member any more to whom the record was given, nobody ever takes it back.
   */
  holdUpHeir(): End {
    const cluster = this.#cluster;
    const { network, world } = cluster;
    const holdUp = (heir: SimNode): (() => void) => {
      const how = this.#random.pick(['frozen', 'slow', 'bereft'] as const);
      // All of it: its server alone would go on receiving what is acknowledged elsewhere.
      if (how === 'frozen') return cluster.freeze(heir, false);
      if (how === 'bereft' && disksToSpare(cluster).includes(heir)) {
        cluster.loseDisk(heir);
        return () => cluster.powerOn(heir);
      }
      // It has let go of its leader, as has everybody whom it asked to, and only its claim is on the way.
      network.worsen(heir.name, STORE_HOST, { delayMs: this.#random.between(500, 1_000), loss: 0 });
      return () => network.mend(heir.name, STORE_HOST);
    };
    const forget = cluster.onRecord(({ state }) => {
      const heir = state.kind === 'handing-over' ? cluster.node(nameOf(state.to)) : null;
      if (heir === null) return;
      forget();
      // It ends by itself: an abort comes after seconds, and a hand-over whose heir is as slow as that is another story.
      world.after(0, () => world.after(this.#random.between(600, 2_500), holdUp(heir)));
    });
    cluster.operator.requestSwitchover(this.#follower());
    return forget;
  }

  /**
   * A member loses its disk between its promise and the claim, and is back at once (P1, P4.3, H9). Nobody can claim; the leader, whom no other member reaches,
   * starts in place, and is the one to clone from, at the epoch that this member has promised to leave. Taken for who it was, it has given two words that
   * exclude each other: the promise by which somebody may still depose the leader, and the acknowledgements by which the leader goes on.
   */
  losePromisersDisk(): End {
    const cluster = this.#cluster;
    const leader = this.#leader();
    const member = this.#follower();
    const others = cluster.nodes.filter((node) => node !== leader && node !== member);
    const backToStore = this.#cut(bothWays(member.name, STORE_HOST));
    const ends = [backToStore, this.#cut(others.flatMap(({ name }) => bothWays(name, STORE_HOST)))];
    let isOver = false;
    cluster.killPostmaster(leader);
    cluster.world.after(PROMISED_MS + this.#random.between(0, 300), () => {
      if (isOver || !disksToSpare(cluster).includes(member)) return;
      ends.push(this.#cut(others.flatMap(({ name }) => bothWays(name, leader.name))));
      cluster.loseDisk(member);
      backToStore();
      cluster.powerOn(member);
    });
    return () => {
      isOver = true;
      for (const end of ends) end();
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
    const target = this.#follower();
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
    const member = this.#follower();
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

  /** Members hear of the leader's end and promise, and cannot claim: only the old leader reaches etcd, and has to win them back (T3). */
  #promiseInVain(): End {
    const cluster = this.#cluster;
    const leader = this.#leader();
    const end = this.#cut(cluster.nodes.filter((node) => node !== leader).flatMap(({ name }) => bothWays(name, STORE_HOST)));
    cluster.killPostmaster(leader);
    return end;
  }

  /** A leader that no other node hears goes on writing what nobody receives, and sees in etcd that it was deposed. */
  #leaveTail(): End {
    const cluster = this.#cluster;
    const leader = this.#leader();
    const end = this.#cut(cluster.nodes.filter((node) => node !== leader).flatMap(({ name }) => bothWays(name, leader.name)));
    // What stands behind the fork is rewound from a leader within reach, while the failpoint is still armed.
    cluster.world.after(this.#random.between(1_200, 2_500), end);
    return null;
  }

  #cut(links: readonly (readonly [from: HostName, to: HostName])[]): () => void {
    const { network } = this.#cluster;
    let isCut = true;
    for (const [from, to] of links) network.cut(from, to);
    return () => {
      if (isCut) for (const [from, to] of links) network.heal(from, to);
      isCut = false;
    };
  }

  #follower(): SimNode {
    const { leader, nodes } = this.#cluster;
    return this.#random.pick(nodes.filter((node) => node !== leader));
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

/** Whose disk may be lost. Not the last copy: a cluster whose every disk is gone has nothing to show. */
export function disksToSpare({ nodes, judge, store }: Cluster): readonly SimNode[] {
  // Who loses its memory in the same hour as the store does may found a second cluster: outside the promise.
  if (store.isForgetful) return [];
  const holder = judge.record?.holder;
  // The holder in the record may be one whose claim came late, and whose own disk is long gone (seed 16592).
  const isSomewhereElse = (node: SimNode): boolean =>
    nodes.some(({ directory }) => directory?.isWhole === true && directory !== node.directory);
  return nodes.filter((node) => node.directory?.marker !== holder && isSomewhereElse(node));
}
