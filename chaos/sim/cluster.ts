/**
 * A whole simulated cluster: nodes, store, proxies, clients, an operator now and then, and the judge who watches them. It offers the verbs that faults and
 * healing use, and decides nothing.
 */
import type { NodeFile } from '../../agent/node-file/port.ts';
import { epoch } from '../../shared/domain/epoch.ts';
import type { HistoryEntry, LeaderRecord } from '../../shared/domain/leader-record.ts';
import { memberSet, quorumFor } from '../../shared/domain/member-set.ts';
import { memberId, nameOf, parseIncarnation, parseNodeName, slotName, type MemberId, type NodeName } from '../../shared/domain/node-id.ts';
import { timelineId } from '../../shared/domain/timeline.ts';
import { SimAgent } from './agent.ts';
import { DirectClient, ProxiedClient, type ClientParts, type Tally } from './client.ts';
import { Clock } from './clock.ts';
import { directoryOf } from './directory.ts';
import { Judge } from './judge.ts';
import { CLIENT_HOST, Network, type HostName } from './network.ts';
import { SimNode } from './node.ts';
import { Operator } from './operator.ts';
import type { SimOptions } from './options.ts';
import { SimProxy } from './proxy.ts';
import { SimStore, STORE_HOST } from './sim-store.ts';
import { Wal } from './wal.ts';
import type { World } from './world.ts';

/** Told of every change of the record in the moment of its commit. */
export type RecordListener = (record: LeaderRecord, before: LeaderRecord | null) => void;

const SYSTEM_ID = '7000000000000000001';
const LOOK_MS = 40;

export class Cluster {
  readonly world: World;
  readonly options: SimOptions;
  readonly network: Network;
  readonly store: SimStore;
  readonly judge: Judge;
  readonly nodes: readonly SimNode[];
  readonly agents: readonly SimAgent[];
  readonly proxies: readonly SimProxy[];
  readonly operator: Operator;
  readonly #listeners = new Set<RecordListener>();
  readonly tally: Tally = { acknowledged: 0, errors: 0, lastAcknowledgedAtMs: 0, longestGapMs: 0 };

  constructor(world: World, options: SimOptions) {
    this.world = world;
    this.options = options;
    const random = world.random('cluster');
    this.network = new Network(world, options.networkMs);
    this.store = new SimStore(world, this.network);
    this.judge = new Judge(world);
    const names = Array.from({ length: options.nodes }, (_, at) => nodeName(`n${String(at + 1)}`));
    const nodes = names.map(
      (name): SimNode =>
        new SimNode({
          world,
          network: this.network,
          name,
          clock: new Clock(world, random.between(0, 1_000_000), 1 + random.between(-options.clockDrift, options.clockDrift)),
          judge: this.judge,
          peer: (other) => nodes.find((one) => one.name === other) ?? null,
        }),
    );
    this.nodes = nodes;
    const agents = nodes.map(
      (node): SimAgent =>
        new SimAgent({
          node,
          store: this.store,
          policy: options.policy,
          priority: 50,
          peer: (other) => agents.find((one) => one.name === other) ?? null,
          powerOff: (one) => this.powerOff(one),
        }),
    );
    this.agents = agents;
    this.proxies = ['p1', 'p2'].map((name) => new SimProxy({ world, network: this.network, store: this.store, name }));
    this.operator = new Operator(this);
    this.store.watch = {
      onRecord: (record, before) => {
        this.judge.onRecord(record, before);
        for (const listener of [...this.#listeners]) listener(record, before);
      },
    };
  }

  start(): void {
    const { options, world } = this;
    const record = options.isColdStart ? null : this.#settle();
    this.judge.begin(this.nodes, record, options.policy.mode === 'async');
    const random = world.random('start');
    for (const agent of this.agents) world.after(random.between(0, 300), () => agent.start());
    for (const proxy of this.proxies) proxy.start();
    this.#startClients();
    const look = (): void => {
      this.judge.look();
      this.#look();
      world.after(LOOK_MS, look);
    };
    look();
  }

  /** Everything that has a host of its own and can be cut off. */
  get hosts(): readonly HostName[] {
    return [...this.nodes.map(({ name }) => name), STORE_HOST, ...this.proxies.map(({ name }) => name)];
  }

  agentOf(node: SimNode): SimAgent {
    const agent = this.agents.find((one) => one.node === node);
    if (agent === undefined) throw new RangeError(`${node.name} has no agent`);
    return agent;
  }

  node(name: string): SimNode | null {
    return this.nodes.find((one) => one.name === name) ?? null;
  }

  get leader(): SimNode | null {
    const { record } = this.store;
    return record === null ? null : this.node(nameOf(record.holder));
  }

  /** For faults that must strike at one moment of an election; the returned function ends it. */
  onRecord(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // --- What can befall a node ------------------------------------------------------------------------------------------------------------------

  killPostmaster(node: SimNode): void {
    if (node.life === null) return;
    this.world.tell(node.name, () => 'FAULT postmaster killed');
    // Backends go on for a moment, and may still return a commit.
    const { life } = node;
    this.world.after(this.world.random(`kill ${String(this.world.events)}`).between(0, 60), () => {
      if (node.life === life) node.endServer();
    });
  }

  killAgent(node: SimNode): void {
    this.world.tell(node.name, () => 'FAULT agent killed');
    this.#markDeath(node);
    this.agentOf(node).kill();
  }

  killGuard(node: SimNode): void {
    if (!node.guard.process.isAlive) return;
    this.world.tell(node.name, () => 'FAULT guard killed');
    node.guard.process.kill();
    // The kernel tells the postmaster of its parent's death; a frozen one hears it later.
    const { life } = node;
    if (life !== null)
      this.world.after(50, () => {
        if (node.life === life) node.endServer();
      });
    this.agentOf(node).onGuardDeath();
  }

  powerOff(node: SimNode): void {
    if (!node.isPowered) return;
    this.world.tell(node.name, () => 'FAULT machine lost');
    this.#markDeath(node);
    node.isPowered = false;
    node.boots += 1;
    node.endServer();
    node.guard.process.kill();
    this.agentOf(node).kill();
  }

  powerOn(node: SimNode): void {
    if (node.isPowered) return;
    this.world.tell(node.name, () => 'machine back');
    node.isPowered = true;
    this.agentOf(node).start();
  }

  startAgent(node: SimNode): void {
    this.agentOf(node).start();
  }

  /** Etcd is put back as it was some time ago, or empty. Only where everybody knows of the present: what nobody remembers, nobody can miss. */
  restoreStore(how: Parameters<SimStore['restore']>[0]): void {
    const { record } = this.store;
    const isKnown = record !== null && this.agents.every((agent) => agent.hasActedOn(record));
    if (!isKnown) return;
    this.world.tell('etcd', () => `FAULT ${how}`);
    this.store.restore(how);
  }

  /** Agent, guard and PostgreSQL stop together; `withClock`: the machine's monotonic clock stops too. */
  freeze(node: SimNode, withClock: boolean): () => void {
    this.world.tell(node.name, () => (withClock ? 'FAULT machine paused' : 'FAULT node frozen'));
    const { life } = node;
    const frozen = [this.agentOf(node).process, node.guard.process, ...(life === null ? [] : [life.process])];
    if (withClock) node.clock.stand();
    for (const process of frozen) process.freeze();
    return () => {
      this.world.tell(node.name, () => 'thawed');
      if (withClock) node.clock.go();
      node.thawedAtMs = this.world.nowMs;
      // PostgreSQL first: whatever it can still say before its guard looks at the clock, it says.
      for (const process of [...frozen].reverse()) process.thaw();
    };
  }

  freezeAgent(node: SimNode): () => void {
    this.world.tell(node.name, () => 'FAULT agent frozen');
    const { process } = this.agentOf(node);
    process.freeze();
    return () => {
      this.world.tell(node.name, () => 'agent thawed');
      process.thaw();
    };
  }

  freezePostgres(node: SimNode): () => void {
    const { life } = node;
    this.world.tell(node.name, () => 'FAULT PostgreSQL frozen');
    life?.process.freeze();
    return () => life?.process.thaw();
  }

  /** The disk comes back empty: data, node file and settings are gone. */
  loseDisk(node: SimNode): void {
    this.powerOff(node);
    this.world.tell(node.name, () => 'FAULT disk lost');
    node.bereftAtMs = this.world.nowMs;
    node.directory = null;
    node.file = null;
    node.rendered = { sync: { kind: 'placeholder' }, follow: null, credential: null, open: false };
  }

  /** Somebody with a shell and good intentions: pg_ctl promote on a standby. */
  promoteByHand(node: SimNode): void {
    const { life } = node;
    if (life === null || life.role !== 'standby' || life.process.isFrozen) return;
    this.world.tell(node.name, () => 'FAULT promoted by hand');
    life.receiver?.end();
    let id = life.directory.wal.timeline + 1;
    while (life.directory.historyIds.has(id)) id += 1;
    life.directory.wal.dropHalf();
    life.directory.wal.fork(id);
    this.judge.onHandMade(life.directory);
    life.directory.historyIds.add(id);
    life.flushed = life.directory.wal.end;
    life.role = 'primary';
    life.writeOwn(150);
  }

  #markDeath(node: SimNode): void {
    const { record } = this.store;
    const machine = this.agentOf(node).machine;
    const { world } = this;
    if (machine === null || record === null) return;
    if (machine.decision.state === 'candidate' && record.holder !== machine.member)
      world.mark('a candidate died between promise and claim');
    if (record.state.kind === 'promoting' && record.holder === machine.member) world.mark('a holder died between claim and serving');
    if (machine.file.dir === 'rebuilding' && node.directory?.isWhole === false) world.mark('a rewind was cut short');
  }

  #look(): void {
    for (const { node, machine } of this.agents) {
      if (machine === null || node.life?.role !== 'primary' || machine.store.facts().view.kind !== 'unknown') continue;
      const upForMs = node.clock.nowMs - machine.facts(node.clock.nowMs).startedAtMs;
      if (upForMs > this.options.policy.ttlMs) this.world.mark('a primary outlived its lease under an agent that had never read the store');
    }
  }

  #startClients(): void {
    const { world, network, judge, proxies, options } = this;
    const parts: ClientParts = {
      world,
      network,
      judge,
      proxies,
      random: world.random('clients'),
      node: (host) => this.node(host),
      paceMs: options.paceMs,
    };
    for (let at = 0; at < options.clients; at += 1) new ProxiedClient(parts, this.tally).start();
    for (const node of this.nodes) world.after(500, () => new DirectClient(parts, node, CLIENT_HOST).start());
  }

  /** A cluster that has been there for a while: the first node leads, the others stand in its set. */
  #settle(): LeaderRecord {
    const { options } = this;
    const wal = new Wal(1);
    for (let at = 0; at < 5; at += 1) wal.write(0, 1_000);
    // Drawn by the agents themselves, as when they joined: who keeps its identity over a lost disk is then known by the one that it had before the first.
    const members = this.nodes.map((node): MemberId => memberId(node.name, this.agentOf(node).freshIncarnation()));
    const [holder, ...others] = members;
    if (holder === undefined) throw new RangeError('a cluster has nodes');
    const set =
      options.policy.mode === 'async' || others.length === 0
        ? memberSet([], 0)
        : memberSet(others, quorumFor(others.length, options.policy.k));
    const floor = wal.positionAt(wal.end);
    const record: LeaderRecord = {
      systemId: SYSTEM_ID,
      epoch: epoch(1n),
      seq: 1,
      holder,
      state: { kind: 'serving' },
      mode: options.policy.mode,
      set,
      timeline: timelineId(1),
      floor,
      barred: [],
      ttlMs: options.policy.ttlMs,
      observed: null,
      nonce: 'settled',
    };
    const history: HistoryEntry = {
      epoch: epoch(1n),
      holder,
      timeline: timelineId(1),
      floor,
      ancestors: [],
      trigger: 'creation',
      why: 'settled',
      at: '',
    };
    for (const [at, node] of this.nodes.entries()) {
      const member = members[at];
      if (member === undefined) continue;
      node.directory = { ...directoryOf(SYSTEM_ID, member, wal.copy()), wasPrimary: at === 0 };
      for (const other of members) if (other !== member) node.directory.slots.add(slotName(other));
      node.file = fileOf(member, record);
    }
    const nodes = this.nodes.map((node, at) => ({
      member: members[at] ?? holder,
      bootCount: 1,
      pgHost: node.name,
      pgPort: 5432,
      agentUrl: node.name,
      priority: 50,
    }));
    this.store.begin(record, [history], nodes);
    return record;
  }
}

function fileOf(member: MemberId, accepted: LeaderRecord): NodeFile {
  return {
    incarnation: incarnation(member.slice(member.indexOf('~') + 1)),
    systemId: SYSTEM_ID,
    etcdClusterId: '1',
    etcdRevision: '1',
    etcdRepair: null,
    bootCount: 1,
    promised: accepted.epoch,
    accepted,
    promotion: null,
    dir: 'ok',
    unfit: null,
    nodes: [],
  };
}

function nodeName(text: string): NodeName {
  const name = parseNodeName(text);
  if (name === null) throw new RangeError(`${text} is no node name`);
  return name;
}

function incarnation(text: string): NodeFile['incarnation'] {
  const value = parseIncarnation(text);
  if (value === null) throw new RangeError(`${text} is no incarnation`);
  return value;
}
