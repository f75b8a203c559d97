/**
 * An agent in the simulated world: the production machine, whose asks are answered by models. It lives in a process of its own on its node; killed, it
 * loses everything but the node file.
 */
import { failpointOf, type Answer, type Ask, type StoreItem } from '../../agent/machine/asks.ts';
import type { Effect, Event } from '../../agent/machine/events.ts';
import { AgentMachine } from '../../agent/machine/machine.ts';
import type { NodeFile } from '../../agent/node-file/port.ts';
import type { Outcome } from '../../agent/postgres/port.ts';
import { InvariantError, unreachable } from '../../shared/assert.ts';
import { isOlder, type LeaderRecord } from '../../shared/domain/leader-record.ts';
import { EPOCH_ZERO } from '../../shared/domain/epoch.ts';
import { parseIncarnation, type Incarnation, type MemberId } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import { Asks } from './asks.ts';
import type { FailpointAct } from './failpoint.ts';
import { Inbox } from './inbox.ts';
import type { SimNode } from './node.ts';
import { Process } from './process.ts';
import type { SimStore } from './sim-store.ts';
import { Violation } from './world.ts';

export type AgentParts = {
  readonly node: SimNode;
  readonly store: SimStore;
  readonly policy: Policy;
  readonly priority: number;
  readonly peer: (name: string) => SimAgent | null;
  readonly powerOff: (node: SimNode) => void;
};

const ANNOUNCE_EVERY_MS = 120;
const ANNOUNCE_RETRY_MS = 400;

export class SimAgent {
  readonly process: Process;
  readonly node: SimNode;
  readonly #parts: AgentParts;
  readonly inbox: Inbox;
  readonly #asks: Asks;
  readonly #abandoned = new Set<number>();
  #machine: AgentMachine | null = null;
  #subscription: { readonly close: () => void } | null = null;
  #wakes = 0;
  #incarnations = 0;
  #announced: MemberId | null = null;
  #repairs = 0;
  #wasRegressed = false;
  #isAnnouncing = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.node = parts.node;
    this.process = new Process(parts.node.world);
    this.inbox = new Inbox({
      process: this.process,
      machine: () => this.#machine,
      step: (event) => this.#step(event),
      nowMs: () => this.node.clock.nowMs,
    });
    this.#asks = new Asks({
      node: parts.node,
      process: this.process,
      store: parts.store,
      peer: (name) => parts.peer(name)?.inbox ?? null,
      freshIncarnation: () => this.freshIncarnation(),
    });
    parts.node.onGuardChange = () => this.#onGuard();
  }

  get machine(): AgentMachine | null {
    return this.process.isAlive ? this.#machine : null;
  }

  get name(): string {
    return this.node.name;
  }

  /** Starts the process; the machine begins when its node file is durable. */
  start(): void {
    if (this.process.isAlive || !this.node.isPowered) return;
    const { node } = this;
    this.process.start();
    this.#announced = null;
    this.#isAnnouncing = false;
    this.#asks.forget();
    const known = node.file ?? freshFile(this.freshIncarnation());
    const file: NodeFile = { ...known, bootCount: known.bootCount + 1 };
    this.#asks.save(file, () => this.#begin(file));
  }

  kill(): void {
    this.process.kill();
    this.#machine = null;
    this.#subscription?.close();
    this.#subscription = null;
    this.#abandoned.clear();
    this.inbox.clear();
  }

  feed(event: Event): void {
    this.process.run(() => this.#step(event));
  }

  /** It knows this very record, and has the epoch on its disk. */
  hasActedOn(record: LeaderRecord): boolean {
    const { machine, node } = this;
    const view = machine?.store.facts().view;
    if (machine === null || view?.kind !== 'present' || isOlder(view.record, record)) return false;
    return machine.store.facts().regressed === null && node.file?.accepted?.epoch === record.epoch;
  }

  /** An operator forces this node (T11). */
  takeOver(declareLost: readonly MemberId[]): void {
    this.feed({ kind: 'takeover', force: true, declareLost });
  }

  #begin(file: NodeFile): void {
    const { node } = this;
    const { policy, priority, store } = this.#parts;
    this.#machine = new AgentMachine({
      self: { name: node.name, priority, policy, adopt: false, initialize: true },
      file,
      salt: `${node.name}.${String(file.bootCount)}.${file.incarnation}`,
      nowMs: node.clock.nowMs,
    });
    // The guard outlives agents; where there is none, one is started.
    if (!node.guard.process.isAlive) this.#startGuard();
    const show = this.process.inThisLife((items: readonly StoreItem[]) => this.#step({ kind: 'shown', items }));
    this.#subscription = store.subscribe(node.name, show);
    this.#step({ kind: 'guard', status: node.guard.status() });
    this.#mindName();
  }

  #startGuard(): void {
    const { node } = this;
    if (node.life !== null) node.endServer();
    node.guard.start();
  }

  /** A guard that died is noticed by its closed socket, and replaced when nothing of its server is left. */
  onGuardDeath(): void {
    this.process.run(() => {
      this.#step({ kind: 'guard', status: null });
      this.process.after(this.node.random.between(60, 250), () => {
        if (this.node.guard.process.isAlive) return;
        this.#startGuard();
        this.#step({ kind: 'guard', status: this.node.guard.status() });
      });
    });
  }

  #onGuard(): void {
    const status = this.node.guard.status();
    this.process.after(0.3, () => {
      if (this.node.guard.process.isAlive) this.#step({ kind: 'guard', status });
    });
  }

  #step(event: Event): void {
    const machine = this.#machine;
    if (machine === null) return;
    try {
      for (const effect of machine.step(event, this.node.clock.nowMs)) this.#perform(effect);
    } catch (error) {
      if (error instanceof InvariantError) throw new Violation('assertion', `${this.name}: ${error.message}`);
      throw error;
    }
  }

  /** Keeps the node record true (agent/announce.ts). */
  #mindName(): void {
    const machine = this.#machine;
    if (machine === null) return;
    const { nodes, regressed } = machine.store.facts();
    const { repairs, mayAnnounce } = machine.store;
    // A store that was wiped, or wiped and repaired, has forgotten where we are.
    if (repairs !== this.#repairs || (regressed !== null) !== this.#wasRegressed) this.#announced = null;
    this.#repairs = repairs;
    this.#wasRegressed = regressed !== null;
    const known = nodes.get(this.node.name);
    const isTold = this.#announced === machine.member && (known === undefined || known.member === machine.member);
    if (!isTold && mayAnnounce && !this.#isAnnouncing) this.#announce(machine);
    this.process.after(ANNOUNCE_EVERY_MS, () => this.#mindName());
  }

  #perform(effect: Effect): void {
    const { node } = this;
    switch (effect.kind) {
      case 'wake':
        this.#wakeAt(effect.atMs);
        return;
      case 'ask':
        this.#ask(effect.id, effect.ask);
        return;
      case 'abandon':
        this.#abandoned.add(effect.id);
        return;
      case 'tell-claimed':
        node.network.send(node.name, effect.url, () => this.#parts.peer(effect.url)?.feed({ kind: 'heard-claim' }));
        return;
      case 'reply-promise':
        if (effect.reply.kind === 'promised') node.judge.onPromised(node, effect.reply.answer);
        this.inbox.replyPromise(effect.request, effect.reply);
        return;
      case 'reply-leave':
        this.inbox.replyLeave(effect.request, effect.mayGo);
        return;
      case 'reply-fresh':
        this.inbox.replyFresh(effect.request);
        return;
      case 'log':
        if (node.world.isTold) node.world.tell(this.name, () => `${effect.event} ${describe(effect.fields)}`);
        return;
      default:
        unreachable(effect);
    }
  }

  #wakeAt(atMs: number): void {
    this.#wakes += 1;
    const wake = this.#wakes;
    this.process.after(this.node.clock.delayUntil(atMs) + 0.05, () => {
      // A later order replaces an earlier one.
      if (this.#wakes === wake) this.#step({ kind: 'woken' });
    });
  }

  #ask(id: number, ask: Ask): void {
    const answer = (given: Answer): void => {
      this.#abandoned.delete(id);
      this.#step({ kind: 'answered', id, answer: given });
    };
    const met = this.node.failpoint.take(ask);
    if (met === null) {
      this.#carryOut(id, ask, answer);
      return;
    }
    this.node.world.mark(`failpoint ${met.name}`);
    this.#meet(met.act, id, ask, answer);
  }

  /** A failpoint is armed for this ask. */
  #meet(act: FailpointAct, id: number, ask: Ask, answer: (given: Answer) => void): void {
    const { world } = this.node;
    const name = failpointOf(ask);
    world.tell(this.name, () => `FAULT ${name} ${act.kind}${'when' in act ? ` ${act.when}` : ''}`);
    const failure: Outcome = { kind: 'failed', code: 'PGB-1999', why: 'a failpoint is armed here' };
    const carryOut = (then: (given: Answer) => void): void => this.#carryOut(id, ask, then);
    if (act.kind === 'outlives') {
      this.#leaveBehind(act, ask);
      return;
    }
    const strike = (otherwise: () => void): void => {
      if (this.node.failpoint.isClosed) otherwise();
      else if (act.kind === 'agent-dies') this.kill();
      else if (act.kind === 'machine-dies') this.#parts.powerOff(this.node);
      else if (act.kind === 'fails') answer(failure);
      else this.process.after(act.ms, otherwise);
    };
    const isAfter = act.kind === 'is-late' || act.when === 'after';
    if (isAfter) carryOut((given) => strike(() => answer(given)));
    else this.process.after(0.1, () => strike(() => carryOut(answer)));
  }

  #leaveBehind({ backMs, lateMs }: Extract<FailpointAct, { kind: 'outlives' }>, ask: Ask): void {
    const { node } = this;
    if (ask.kind !== 'change-record') throw new RangeError(`${ask.kind} changes nothing in the store`);
    node.judge.onProposed(node, ask.record, ask.rule);
    this.kill();
    node.world.after(backMs, () => this.start());
    node.world.after(backMs + lateMs, () => this.#parts.store.change(node.name, ask, () => undefined));
  }

  #carryOut(id: number, ask: Ask, answer: (given: Answer) => void): void {
    this.#asks.carryOut(ask, () => !this.#abandoned.has(id), answer);
  }

  #announce(machine: AgentMachine): void {
    const { member } = machine;
    const { node } = this;
    this.#isAnnouncing = true;
    this.process.after(ANNOUNCE_RETRY_MS, () => {
      this.#isAnnouncing = false;
    });
    const record = {
      member,
      bootCount: machine.file.bootCount,
      pgHost: node.name,
      pgPort: 5432,
      agentUrl: node.name,
      priority: this.#parts.priority,
    };
    const settle = this.process.inThisLife(() => {
      this.#announced = member;
    });
    this.#parts.store.putNode(node.name, record, settle);
  }

  /** One that it has never had: a disk that comes back empty is another member. */
  freshIncarnation(): Incarnation {
    this.#incarnations += 1;
    const digits = `${this.node.name.slice(-1)}${(this.#incarnations * 7919).toString(16)}`.padStart(12, '0');
    const incarnation = parseIncarnation(digits);
    if (incarnation === null) throw new Error(`${digits} is no incarnation`);
    return incarnation;
  }
}

function freshFile(incarnation: Incarnation): NodeFile {
  return {
    incarnation,
    systemId: null,
    etcdClusterId: null,
    etcdRevision: '0',
    etcdRepair: null,
    bootCount: 0,
    promised: EPOCH_ZERO,
    accepted: null,
    promotion: null,
    dir: 'absent',
    unfit: null,
    nodes: [],
  };
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ');
}
