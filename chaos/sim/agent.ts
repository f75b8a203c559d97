/**
 * An agent in the simulated world: the production machine, whose asks are answered by models. It lives in a process of its own on its node; killed, it
 * loses everything but the node file.
 */
import { peerStatusOf } from '../../agent/api/node-status.ts';
import { failpointOf, type Answer, type AnswerTo, type Ask, type AskKind, type AskOf, type StoreItem } from '../../agent/machine/asks.ts';
import type { Effect, Event } from '../../agent/machine/events.ts';
import { AgentMachine } from '../../agent/machine/machine.ts';
import type { NodeFile } from '../../agent/node-file/port.ts';
import type { Outcome } from '../../agent/postgres/port.ts';
import { InvariantError, unreachable } from '../../shared/assert.ts';
import { EPOCH_ZERO } from '../../shared/domain/epoch.ts';
import { parseIncarnation, type Incarnation, type MemberId } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { FailpointAct } from './failpoint.ts';
import type { SimNode } from './node.ts';
import { PostgresDoor } from './postgres-door.ts';
import { Process, runScript, type Script } from './process.ts';
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

const ANNOUNCE_RETRY_MS = 400;

export class SimAgent {
  readonly process: Process;
  readonly node: SimNode;
  readonly #parts: AgentParts;
  readonly #door: PostgresDoor;
  readonly #abandoned = new Set<number>();
  readonly #leaves = new Map<number, (mayGo: boolean) => void>();
  readonly #fresh = new Map<number, () => void>();
  readonly #promises = new Map<number, (reply: AnswerTo<'ask-promise'>) => void>();
  #machine: AgentMachine | null = null;
  #subscription: { readonly close: () => void } | null = null;
  #wakes = 0;
  #requests = 0;
  #incarnations = 0;
  #announced: MemberId | null = null;
  #isAnnouncing = false;
  #openChanges = 0;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.node = parts.node;
    this.process = new Process(parts.node.world);
    this.#door = new PostgresDoor(parts.node);
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
    this.#openChanges = 0;
    const known = node.file ?? freshFile(this.#freshIncarnation());
    const file: NodeFile = { ...known, bootCount: known.bootCount + 1 };
    this.#save(file, () => this.#begin(file));
  }

  kill(): void {
    this.process.kill();
    this.#machine = null;
    this.#subscription?.close();
    this.#subscription = null;
    this.#abandoned.clear();
    this.#fresh.clear();
    this.#leaves.clear();
    this.#promises.clear();
  }

  feed(event: Event): void {
    this.process.run(() => this.#step(event));
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
    if (this.#announced !== machine.member && !this.#isAnnouncing) this.#announce(machine);
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
        this.#promises.get(effect.request)?.(effect.reply);
        this.#promises.delete(effect.request);
        return;
      case 'reply-leave':
        this.#leaves.get(effect.request)?.(effect.mayGo);
        this.#leaves.delete(effect.request);
        return;
      case 'reply-fresh':
        this.#fresh.get(effect.request)?.();
        this.#fresh.delete(effect.request);
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
    const isAfter = 'when' in act && act.when === 'after';
    const strike = (given: Answer): void => {
      if (this.node.failpoint.isClosed) answer(given);
      else if (act.kind === 'agent-dies') this.kill();
      else if (act.kind === 'machine-dies') this.#parts.powerOff(this.node);
      else if (act.kind === 'fails') answer(failure);
      else this.process.after(act.ms, () => answer(given));
    };
    if (isAfter || act.kind === 'is-late') this.#carryOut(id, ask, strike);
    else this.process.after(0.1, () => strike(failure));
  }

  #carryOut(id: number, ask: Ask, answer: (given: Answer) => void): void {
    const { node } = this;
    const isWanted = (): boolean => !this.#abandoned.has(id);
    const script = this.#scriptOf(ask, isWanted);
    if (script !== null) {
      if (node.world.isTold && ask.kind !== 'look') node.world.tell(this.name, () => `begins ${ask.kind}`);
      runScript(this.process, script, answer);
      return;
    }
    switch (ask.kind) {
      case 'read-store':
        this.#request<'read-store'>(ask.budgetMs, { kind: 'unavailable', why: 'no answer' }, answer, (reply) =>
          this.#parts.store.read(node.name, reply),
        );
        return;
      case 'change-record':
        this.#change(ask, answer);
        return;
      case 'show-operation':
        this.#request<'show-operation'>(ask.budgetMs, false, answer, (reply) =>
          this.#parts.store.putOperation(node.name, ask.operation, () => reply(true)),
        );
        return;
      case 'take-turn':
        this.#takeTurn(answer);
        return;
      case 'save-file':
        this.#save(ask.file, answer);
        return;
      case 'draw-incarnation':
        this.process.after(0, () => answer(this.#freshIncarnation()));
        return;
      case 'ask-status':
        this.#askStatus(ask, answer);
        return;
      case 'ask-promise':
        this.#request<'ask-promise'>(ask.timeoutMs, { kind: 'silent', why: 'no answer' }, answer, (reply) =>
          this.#toPeer(ask.url, (peer) => peer.#promise(ask, (given) => this.#backFrom(ask.url, () => reply(given)))),
        );
        return;
      case 'say-down':
        this.#request<'say-down'>(ask.timeoutMs, false, answer, (reply) =>
          this.#toPeer(ask.url, (peer) => {
            peer.#step({ kind: 'heard-down', epoch: ask.epoch, holder: ask.holder });
            this.#backFrom(ask.url, () => reply(true));
          }),
        );
        return;
      case 'ask-leave':
        this.#request<'ask-leave'>(ask.timeoutMs, false, answer, (reply) =>
          this.#toPeer(ask.url, (peer) => {
            peer.#requests += 1;
            peer.#leaves.set(peer.#requests, (mayGo) => this.#backFrom(ask.url, () => reply(mayGo)));
            peer.#step({ kind: 'asked-to-leave', request: peer.#requests, member: ask.member });
          }),
        );
        return;
      case 'feed-guard':
        this.#feedGuard(ask, answer);
        return;
      default:
        throw new Error(`${ask.kind} has no model`);
    }
  }

  #scriptOf(ask: Ask, isWanted: () => boolean): Script<Answer> | null {
    switch (ask.kind) {
      case 'look':
        return this.#door.look(ask);
      case 'start':
        return this.#door.start(ask);
      case 'stop-fast':
        return this.#door.stopFast(ask);
      case 'kill':
        return this.#door.kill(ask);
      case 'follow':
        return this.#door.follow(ask);
      case 'revoke':
        return this.#door.revoke(ask, isWanted);
      case 'write-sync':
        return this.#door.writeSync(ask);
      case 'prove-sync':
        return this.#door.proveSync(ask, isWanted);
      case 'promote':
        return this.#door.promote(ask, isWanted);
      case 'set-open':
        return this.#door.setOpen(ask);
      case 'checkpoint':
        return this.#door.checkpoint(ask);
      case 'keep-slots':
        return this.#door.keepSlots(ask);
      case 'initialize':
        return this.#door.initialize(ask);
      case 'discard':
        return this.#door.discard(ask);
      case 'clone':
        return this.#door.clone(ask);
      case 'rewind':
        return this.#door.rewind(ask);
      case 'probe':
        return this.#door.probe(ask);
      default:
        return null;
    }
  }

  /** One answer: the reply, or what it means when none comes in time. */
  #request<Kind extends AskKind>(
    budgetMs: number,
    none: AnswerTo<Kind>,
    answer: (given: AnswerTo<Kind>) => void,
    send: (reply: (given: AnswerTo<Kind>) => void) => void,
  ): void {
    let isOpen = true;
    const settle = this.process.inThisLife((given: AnswerTo<Kind>) => {
      if (!isOpen) return;
      isOpen = false;
      answer(given);
    });
    this.process.after(budgetMs, () => settle(none));
    send(settle);
  }

  #change(ask: AskOf<'change-record'>, answer: (given: Answer) => void): void {
    const { judge, name } = this.node;
    judge.onProposed(this.node, ask.record, ask.rule);
    this.#openChanges += 1;
    const settle = (given: AnswerTo<'change-record'>): void => {
      this.#openChanges -= 1;
      this.#markChange(ask, given.kind);
      answer(given);
    };
    if (this.#openChanges > 1) throw new Violation('I13', `${name} has two changes in flight`);
    this.#request<'change-record'>(ask.budgetMs, { kind: 'unknown', why: 'no answer' }, settle, (reply) =>
      this.#parts.store.change(name, ask, reply),
    );
  }

  #markChange({ rule }: AskOf<'change-record'>, outcome: string): void {
    const { world } = this.node;
    if (outcome === 'committed') world.mark(`rule ${rule}`);
    if (outcome === 'lost' && rule === 'T1') world.mark('a claim lost its compare');
    if (outcome === 'unknown' && rule === 'T7') world.mark('a change of the set ended unknown');
    if (outcome === 'committed' && rule === 'T9-abort') world.mark('a switchover was taken back');
  }

  #takeTurn(answer: (given: Answer) => void): void {
    const none: Outcome = { kind: 'failed', code: 'PGB-1201', why: 'etcd did not grant a lease' };
    const taken: Outcome = { kind: 'failed', code: 'PGB-1404', why: 'another node is creating the cluster' };
    this.#request<'take-turn'>(1_000, none, answer, (reply) =>
      this.#parts.store.takeTurn(this.node.name, (isMine) => reply(isMine ? { kind: 'done' } : taken)),
    );
  }

  /** The disk goes on without the process that asked. */
  #save(file: NodeFile, onSaved: (outcome: Outcome) => void): void {
    const { node } = this;
    const settle = this.process.inThisLife(() => onSaved({ kind: 'done' }));
    const { boots } = node;
    const write = (): void => {
      const ms = node.flushMs();
      if (!Number.isFinite(ms)) {
        node.whenDiskBack(this.process.inThisLife(write));
        return;
      }
      node.world.after(ms, () => {
        if (node.boots !== boots) return;
        node.judge.onSaved(node, file);
        node.file = file;
        settle();
      });
    };
    write();
  }

  #feedGuard({ epoch, untilMs }: AskOf<'feed-guard'>, answer: (given: Answer) => void): void {
    const { guard } = this.node;
    if (!guard.process.isAlive) {
      this.process.after(1, () => answer({ kind: 'failed', code: 'PGB-1320', why: 'no guard' }));
      return;
    }
    guard.process.after(0.2, () => {
      const why = guard.setDeadline(epoch, untilMs);
      this.process.run(() => answer(why === null ? { kind: 'done' } : { kind: 'failed', code: 'PGB-1321', why }));
    });
  }

  #askStatus(ask: AskOf<'ask-status'>, answer: (given: Answer) => void): void {
    this.#request<'ask-status'>(ask.timeoutMs, null, answer, (reply) =>
      this.#toPeer(ask.url, (peer) => {
        const tell = (): void => {
          const status = peer.#status();
          if (status !== null) this.#backFrom(ask.url, () => reply(status));
        };
        if (!ask.fresh) {
          tell();
          return;
        }
        peer.#requests += 1;
        peer.#fresh.set(peer.#requests, tell);
        peer.#step({ kind: 'asked-fresh', request: peer.#requests });
      }),
    );
  }

  #promise({ question }: AskOf<'ask-promise'>, reply: (given: AnswerTo<'ask-promise'>) => void): void {
    this.#requests += 1;
    this.#promises.set(this.#requests, reply);
    this.#step({ kind: 'asked-to-promise', request: this.#requests, question });
  }

  #status(): AnswerTo<'ask-status'> {
    return this.#machine === null ? null : peerStatusOf(this.#machine.facts(this.node.clock.nowMs));
  }

  #toPeer(name: string, act: (peer: SimAgent) => void): void {
    const peer = this.#parts.peer(name);
    if (peer === null) return;
    this.node.network.send(this.node.name, name, () => peer.process.run(() => act(peer)));
  }

  #backFrom(name: string, act: () => void): void {
    this.node.network.send(name, this.node.name, act);
  }

  #announce(machine: AgentMachine): void {
    const { regressed, lastReadAtMs } = machine.store.facts();
    if (regressed !== null || lastReadAtMs === null) return;
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

  #freshIncarnation(): Incarnation {
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
    bootCount: 0,
    promised: EPOCH_ZERO,
    accepted: null,
    promotion: null,
    dir: 'absent',
  };
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ');
}
