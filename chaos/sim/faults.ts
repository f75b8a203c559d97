/**
 * What goes wrong, when, and for how long: drawn from the seed, each with its end. A fault does exactly what its name says and nothing that would help
 * the cluster; healing everything is part of the run, not of the fault.
 */
import { unreachable } from '../../shared/assert.ts';
import { CALM_FROM_MS } from './calm.ts';
import type { Cluster } from './cluster.ts';
import { isNodeFault, isStoreFault, LEADERS_SHARE, type FaultKind, type NodeFault, type StoreFault } from './fault-kinds.ts';
import { FAILABLE, FAILPOINTS, type Failpoint, type FailpointAct } from './failpoint.ts';
import type { HostName } from './network.ts';
import { CALM_WEATHER, type SimNode } from './node.ts';
import { disksToSpare, Provoker, type End } from './provoke.ts';
import type { Random } from './random.ts';
import { STORE_HOST } from './sim-store.ts';

/** Met by one seed in many thousands if they were drawn like the others. */
const RARE_FAILPOINTS = ['change-record/T3', 'change-record/T8', 'change-record/T9-abort', 'rewind'] as const;
/** Changes that give something away: set, leadership, or both. */
const GIVING_AWAY = ['change-record/T7', 'change-record/T8', 'change-record/T9'] as const;

export class Faults {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #provoker: Provoker;
  readonly #open = new Set<() => void>();
  #count = 0;
  #isOver = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.random('faults');
    this.#provoker = new Provoker(cluster, this.#random);
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    const { world, options } = this.#cluster;
    if (this.#isOver || options.faults.length === 0) return;
    const fromMs = options.calm === null ? 0 : CALM_FROM_MS - world.nowMs;
    world.after(Math.max(fromMs, options.faultEveryMs * this.#random.between(0.2, 1.8)), () => {
      if (this.#isOver) return;
      if (this.#open.size < options.faultsAtOnce) this.#strike(this.#random.pick(options.faults));
      this.start();
    });
  }

  /** Ends every fault, and switches on whatever was switched off. */
  heal(): void {
    this.#isOver = true;
    for (const end of [...this.#open]) end();
    const cluster = this.#cluster;
    for (const node of cluster.nodes) {
      node.failpoint.close();
      // Of two faults that lay over each other, the second ended with what the first had made.
      Object.assign(node.weather, CALM_WEATHER);
    }
    cluster.store.calm();
    for (const node of cluster.nodes) {
      cluster.powerOn(node);
      cluster.startAgent(node);
    }
    for (const proxy of cluster.proxies) if (!proxy.process.isAlive) proxy.start();
  }

  #strike(kind: FaultKind): void {
    const { world } = this.#cluster;
    this.#count += 1;
    world.note(7, this.#count);
    world.mark(`fault ${kind}`);
    const end = this.#begin(kind);
    if (end === null) return;
    const once = (): void => {
      if (!this.#open.delete(once)) return;
      end();
    };
    this.#open.add(once);
    // Short, about a lease, and long ones.
    const lastsMs = this.#random.pick([150, 700, 1_500, 4_000, 9_000]) * this.#random.between(0.5, 1.5);
    world.after(lastsMs, once);
  }

  #begin(kind: FaultKind): End {
    if (isNodeFault(kind)) return this.#befall(kind, this.#victim(kind));
    if (isStoreFault(kind)) return this.#spoilStore(kind);
    return this.#disturb(kind);
  }

  #victim(kind: NodeFault): SimNode {
    const { leader, nodes } = this.#cluster;
    return leader !== null && this.#random.chance(LEADERS_SHARE[kind]) ? leader : this.#random.pick(nodes);
  }

  #befall(kind: NodeFault, node: SimNode): End {
    const cluster = this.#cluster;
    const random = this.#random;
    switch (kind) {
      case 'postmaster-kill':
      case 'leader-postmaster-kill':
        cluster.killPostmaster(node);
        return null;
      case 'agent-kill':
        return this.#killAgent(node);
      case 'guard-kill':
        cluster.killGuard(node);
        return null;
      case 'machine-loss':
      case 'leader-machine-loss':
        return this.#lose(node);
      case 'node-freeze':
      case 'leader-freeze':
        return cluster.freeze(node, false);
      case 'machine-pause':
        return cluster.freeze(node, true);
      case 'agent-freeze':
      case 'leader-agent-freeze':
        return cluster.freezeAgent(node);
      case 'postgres-freeze':
        return cluster.freezePostgres(node);
      case 'postmaster-freeze':
        return this.#freezePostmaster(node);
      case 'node-partition':
      case 'leader-partition':
        return this.#isolate(node.name);
      case 'store-cut':
        return this.#cutLink(node.name, STORE_HOST);
      case 'disk-hang':
        return this.#hangDisk(node);
      case 'disk-slow':
        return this.#weather(node, 'flushMs', random.pick([5, 25, 80]));
      case 'replay-pause':
        return this.#pauseReplay(node);
      case 'replay-slow':
        return this.#weather(node, 'replayMs', random.pick([20, 120]));
      case 'checkpointer-busy':
        return this.#weather(node, 'checkpointerBusyShare', 1);
      case 'walsenders-slow':
        return this.#weather(node, 'rereadMs', random.pick([200, 2_500]));
      case 'start-refused':
        return this.#refuseStart(node);
      case 'promote-by-hand':
        cluster.promoteByHand(node);
        return null;
      case 'switchover':
        cluster.operator.requestSwitchover(node);
        return null;
      default:
        return unreachable(kind);
    }
  }

  #spoilStore(kind: StoreFault): End {
    const random = this.#random;
    switch (kind) {
      case 'store-outage':
        this.#cluster.world.tell('etcd', () => 'FAULT no quorum');
        this.#cluster.store.mood.isDown = true;
        return () => this.#cluster.store.comeBack();
      case 'store-slow':
        return this.#mood({ commitMs: random.pick([30, 150, 450]) });
      case 'store-late-commits':
        return this.#mood({ lateShare: random.pick([0.05, 0.3]) });
      case 'restart-in-outage':
        return this.#restartInOutage();
      case 'watch-breaks':
        return this.#mood({ breakShare: random.pick([0.1, 0.5]), watchLagMs: random.pick([1, 50, 400]) });
      default:
        return unreachable(kind);
    }
  }

  #disturb(kind: Exclude<FaultKind, NodeFault | StoreFault>): End {
    const cluster = this.#cluster;
    const random = this.#random;
    switch (kind) {
      case 'one-way-cut':
        return this.#cut([[random.pick(cluster.hosts), random.pick(cluster.hosts)]]);
      case 'link-cut':
        return this.#cutLink(random.pick(cluster.hosts), random.pick(cluster.hosts));
      case 'bad-network':
        return this.#worsen();
      case 'disk-loss':
        return this.#loseDisk();
      case 'proxy-kill':
        return this.#killProxy();
      case 'proxy-partition':
        return this.#isolate(random.pick(cluster.proxies).name);
      case 'double-kill':
        cluster.killPostmaster(cluster.leader ?? random.pick(cluster.nodes));
        return this.#lose(random.pick(cluster.nodes));
      case 'store-restore':
        return this.#restoreStore();
      case 'agent-dies-at-failpoint':
        return this.#arm({ kind: 'agent-dies', when: random.pick(['before', 'after']) });
      case 'machine-dies-at-failpoint':
        return this.#arm({ kind: 'machine-dies', when: random.pick(['before', 'after']) });
      case 'act-fails':
        return this.#arm({ kind: 'fails', when: random.pick(['before', 'after']) });
      case 'act-is-late':
        return this.#arm({ kind: 'is-late', ms: random.pick([60, 400, 2_500]) });
      case 'change-outlives-agent': {
        const act = { kind: 'outlives', backMs: random.between(30, 300), lateMs: random.pick([60, 200, 800]) * random.next() } as const;
        return this.#armFor(random.pick(GIVING_AWAY), act, 1);
      }
      case 'claimant-loss':
        return this.#provoker.loseNextClaimant();
      case 'claimant-freeze':
        return this.#provoker.freezeNextClaimant();
      case 'member-returns':
        this.#provoker.returnAtRemoval();
        return null;
      case 'asked-while-replaying':
        this.#provoker.askWhileReplaying();
        return null;
      case 'hand-made-and-leader-kill':
        this.#provoker.loseLeaderBehindHandMade();
        return null;
      case 'move-to-laggard':
        this.#provoker.moveToLaggard();
        return null;
      case 'heir-held-up':
        return this.#provoker.holdUpHeir();
      case 'promiser-loses-disk':
        return this.#provoker.losePromisersDisk();
      case 'operator-force':
        cluster.operator.forceFailover();
        return null;
      default:
        return unreachable(kind);
    }
  }

  #killAgent(node: SimNode): End {
    this.#cluster.killAgent(node);
    return () => this.#cluster.startAgent(node);
  }

  #lose(node: SimNode): End {
    this.#cluster.powerOff(node);
    return () => this.#cluster.powerOn(node);
  }

  #loseDisk(): End {
    const victims = disksToSpare(this.#cluster);
    if (victims.length === 0) return null;
    const node = this.#random.pick(victims);
    this.#cluster.loseDisk(node);
    return () => this.#cluster.powerOn(node);
  }

  #arm(act: FailpointAct): End {
    const rare = this.#random.chance(0.2);
    const name = this.#random.pick<Failpoint>(act.kind === 'fails' ? FAILABLE : rare ? RARE_FAILPOINTS : FAILPOINTS);
    return this.#armFor(name, act, 0.7);
  }

  /** Whatever died at its failpoint comes back when the fault is over. Waiting for an ask of that kind to come about by itself could take for ever. */
  #armFor(name: Failpoint, act: FailpointAct, provokedShare: number): End {
    const cluster = this.#cluster;
    for (const node of cluster.nodes) node.failpoint.arm(name, act);
    const end = this.#random.chance(provokedShare) ? this.#provoker.provoke(name) : null;
    return () => {
      end?.();
      for (const node of cluster.nodes) {
        node.failpoint.disarm();
        cluster.powerOn(node);
        cluster.startAgent(node);
      }
    };
  }

  #isolate(host: HostName): End {
    const others = this.#cluster.hosts.filter((other) => other !== host);
    return this.#cut([...others.map((other) => [host, other] as const), ...others.map((other) => [other, host] as const)]);
  }

  #cutLink(one: HostName, other: HostName): End {
    return this.#cut([
      [one, other],
      [other, one],
    ]);
  }

  #cut(links: readonly (readonly [from: HostName, to: HostName])[]): End {
    const { network, world } = this.#cluster;
    world.tell('network', () => `FAULT cut ${links.map(([from, to]) => `${from}>${to}`).join(' ')}`);
    for (const [from, to] of links) network.cut(from, to);
    return () => {
      world.tell('network', () => `healed ${links.map(([from, to]) => `${from}>${to}`).join(' ')}`);
      for (const [from, to] of links) network.heal(from, to);
    };
  }

  #worsen(): End {
    const { network, hosts } = this.#cluster;
    const worse = { delayMs: this.#random.pick([2, 20, 120]), loss: this.#random.pick([0, 0.05, 0.3]) };
    const some = hosts.flatMap((from) => hosts.filter((to) => to !== from && this.#random.chance(0.5)).map((to) => [from, to] as const));
    for (const [from, to] of some) network.worsen(from, to, worse);
    return () => {
      for (const [from, to] of some) network.mend(from, to);
    };
  }

  #mood(mood: Partial<Cluster['store']['mood']>): End {
    const { store } = this.#cluster;
    const before = { ...store.mood };
    Object.assign(store.mood, mood);
    return () => Object.assign(store.mood, before, { isDown: store.mood.isDown });
  }

  /** Its primary lives by confirmations, under an agent that knows of its record from the node file alone. */
  #restartInOutage(): End {
    const cluster = this.#cluster;
    const leader = cluster.leader ?? this.#random.pick(cluster.nodes);
    cluster.world.tell('etcd', () => 'FAULT no quorum');
    cluster.store.mood.isDown = true;
    cluster.killAgent(leader);
    cluster.world.after(this.#random.between(50, 500), () => cluster.startAgent(leader));
    return () => cluster.store.comeBack();
  }

  #refuseStart(node: SimNode): End {
    this.#cluster.world.tell(node.name, () => 'FAULT PostgreSQL does not start');
    node.weather.startRefusals += 1;
    return () => {
      node.weather.startRefusals -= 1;
    };
  }

  #hangDisk(node: SimNode): End {
    this.#cluster.world.tell(node.name, () => 'FAULT disk hangs');
    node.hangDisk();
    return () => node.releaseDisk();
  }

  #weather(node: SimNode, what: 'flushMs' | 'replayMs' | 'checkpointerBusyShare' | 'rereadMs', value: number): End {
    const before = node.weather[what];
    node.weather[what] = value;
    return () => {
      node.weather[what] = before;
    };
  }

  #pauseReplay(node: SimNode): End {
    const { life } = node;
    if (life === null) return null;
    life.isReplayPaused = true;
    return () => {
      life.isReplayPaused = false;
      life.process.run(() => life.replay());
    };
  }

  /** A backup is made now and then, and now and then it is put back. */
  #restoreStore(): End {
    const { store, world } = this.#cluster;
    const random = this.#random;
    world.after(random.between(200, 4_000), () => store.takeBackup());
    this.#cluster.restoreStore(random.pick(['backup', 'backup-as-new-cluster', 'wiped']));
    if (random.chance(0.5)) world.after(random.between(1_500, 6_000), () => this.#cluster.operator.repairStore());
    return null;
  }

  #freezePostmaster(node: SimNode): End {
    const { life } = node;
    if (life === null) return null;
    this.#cluster.world.tell(node.name, () => 'FAULT the postmaster alone stands still');
    life.isPostmasterFrozen = true;
    return () => {
      life.isPostmasterFrozen = false;
    };
  }

  #killProxy(): End {
    const proxy = this.#random.pick(this.#cluster.proxies);
    if (!proxy.process.isAlive) return null;
    proxy.kill();
    return () => {
      if (!proxy.process.isAlive) proxy.start();
    };
  }
}
