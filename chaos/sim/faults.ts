/**
 * What goes wrong, when, and for how long: drawn from the seed, each with its end. A fault does exactly what its name says and nothing that would help
 * the cluster; healing everything is part of the run, not of the fault.
 */
import { unreachable } from '../../shared/assert.ts';
import type { Cluster } from './cluster.ts';
import type { FaultKind } from './fault-kinds.ts';
import { FAILABLE, FAILPOINTS, type Failpoint, type FailpointAct } from './failpoint.ts';
import type { HostName } from './network.ts';
import type { SimNode } from './node.ts';
import type { Random } from './random.ts';
import { STORE_HOST } from './sim-store.ts';

/** Undoes a fault; null when it is over by itself. */
type End = (() => void) | null;

export class Faults {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #open = new Set<() => void>();
  #count = 0;
  #isOver = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.random('faults');
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    const { world, options } = this.#cluster;
    if (this.#isOver || options.faults.length === 0) return;
    world.after(options.faultEveryMs * this.#random.between(0.2, 1.8), () => {
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
    for (const node of cluster.nodes) node.failpoint.close();
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
    const cluster = this.#cluster;
    const random = this.#random;
    const any = (): SimNode => random.pick(cluster.nodes);
    const leader = (): SimNode => cluster.leader ?? any();
    switch (kind) {
      case 'postmaster-kill':
        cluster.killPostmaster(any());
        return null;
      case 'leader-postmaster-kill':
        cluster.killPostmaster(leader());
        return null;
      case 'agent-kill':
        return this.#killAgent(random.chance(0.5) ? leader() : any());
      case 'guard-kill':
        cluster.killGuard(random.chance(0.5) ? leader() : any());
        return null;
      case 'machine-loss':
        return this.#lose(any());
      case 'leader-machine-loss':
        return this.#lose(leader());
      case 'node-freeze':
        return cluster.freeze(any(), false);
      case 'leader-freeze':
        return cluster.freeze(leader(), false);
      case 'machine-pause':
        return cluster.freeze(random.chance(0.5) ? leader() : any(), true);
      case 'agent-freeze':
        return cluster.freezeAgent(any());
      case 'leader-agent-freeze':
        return cluster.freezeAgent(leader());
      case 'postgres-freeze':
        return cluster.freezePostgres(random.chance(0.5) ? leader() : any());
      case 'node-partition':
        return this.#isolate(any().name);
      case 'leader-partition':
        return this.#isolate(leader().name);
      case 'one-way-cut':
        return this.#cut([[random.pick(cluster.hosts), random.pick(cluster.hosts)]]);
      case 'link-cut':
        return this.#cutLink(random.pick(cluster.hosts), random.pick(cluster.hosts));
      case 'store-cut':
        return this.#cutLink((random.chance(0.5) ? leader() : any()).name, STORE_HOST);
      case 'bad-network':
        return this.#worsen();
      case 'store-outage':
        cluster.world.tell('etcd', () => 'FAULT no quorum');
        cluster.store.mood.isDown = true;
        return () => cluster.store.comeBack();
      case 'store-slow':
        return this.#mood({ commitMs: random.pick([30, 150, 450]) });
      case 'store-late-commits':
        return this.#mood({ lateShare: random.pick([0.05, 0.3]) });
      case 'watch-breaks':
        return this.#mood({ breakShare: random.pick([0.1, 0.5]), watchLagMs: random.pick([1, 50, 400]) });
      case 'disk-hang':
        return this.#hangDisk(random.chance(0.5) ? leader() : any());
      case 'disk-slow':
        return this.#weather(any(), 'flushMs', random.pick([5, 25, 80]));
      case 'disk-loss':
        return this.#loseDisk();
      case 'replay-pause':
        return this.#pauseReplay(any());
      case 'replay-slow':
        return this.#weather(any(), 'replayMs', random.pick([20, 120]));
      case 'checkpointer-busy':
        return this.#weather(leader(), 'checkpointerBusyShare', 1);
      case 'proxy-kill':
        return this.#killProxy();
      case 'proxy-partition':
        return this.#isolate(random.pick(cluster.proxies).name);
      case 'switchover':
        cluster.requestSwitchover(any());
        return null;
      case 'double-kill':
        cluster.killPostmaster(leader());
        return this.#lose(any());
      case 'agent-dies-at-failpoint':
        return this.#arm({ kind: 'agent-dies', when: random.pick(['before', 'after']) });
      case 'machine-dies-at-failpoint':
        return this.#arm({ kind: 'machine-dies', when: random.pick(['before', 'after']) });
      case 'act-fails':
        return this.#arm({ kind: 'fails', when: random.pick(['before', 'after']) });
      case 'act-is-late':
        return this.#arm({ kind: 'is-late', ms: random.pick([60, 400, 2_500]) });
      case 'promote-by-hand':
        cluster.promoteByHand(any());
        return null;
      case 'operator-force':
        cluster.forceFailover();
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

  /** Not the last copy: a cluster whose every disk is gone has nothing to show. */
  #loseDisk(): End {
    const { nodes, judge } = this.#cluster;
    const holder = judge.record?.holder;
    const victims = nodes.filter((node) => node.directory?.marker !== holder);
    if (victims.length === 0) return null;
    const node = this.#random.pick(victims);
    this.#cluster.loseDisk(node);
    return () => this.#cluster.powerOn(node);
  }

  /** Whatever died at its failpoint comes back when the fault is over. */
  #arm(act: FailpointAct): End {
    const cluster = this.#cluster;
    const name = this.#random.pick<Failpoint>(act.kind === 'fails' ? FAILABLE : FAILPOINTS);
    for (const node of cluster.nodes) node.failpoint.arm(name, act);
    if (this.#random.chance(0.7)) this.#provoke(name);
    return () => {
      for (const node of cluster.nodes) {
        node.failpoint.disarm();
        cluster.powerOn(node);
        cluster.startAgent(node);
      }
    };
  }

  /** Waiting for an ask of that kind to come about by itself could take for ever. */
  #provoke(name: Failpoint): void {
    const cluster = this.#cluster;
    switch (name) {
      case 'stop-fast':
      case 'change-record/T2':
      case 'change-record/T9':
      case 'change-record/T9-abort':
        cluster.requestSwitchover(this.#random.pick(cluster.nodes));
        return;
      case 'clone':
      case 'rewind':
        cluster.promoteByHand(this.#random.pick(cluster.nodes));
        return;
      default:
        cluster.killPostmaster(cluster.leader ?? this.#random.pick(cluster.nodes));
    }
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

  #hangDisk(node: SimNode): End {
    this.#cluster.world.tell(node.name, () => 'FAULT disk hangs');
    node.hangDisk();
    return () => node.releaseDisk();
  }

  #weather(node: SimNode, what: 'flushMs' | 'replayMs' | 'checkpointerBusyShare', value: number): End {
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

  #killProxy(): End {
    const proxy = this.#random.pick(this.#cluster.proxies);
    if (!proxy.process.isAlive) return null;
    proxy.kill();
    return () => {
      if (!proxy.process.isAlive) proxy.start();
    };
  }
}
