/**
 * What carries out an agent's asks in the simulated world: the store, the peers, the node file and the guard as models here, PostgreSQL through its door.
 * Everything runs in the agent's process, so that an agent that dies hears of nothing any more.
 */
import type { Answer, AnswerTo, Ask, AskKind, AskOf } from '../../agent/machine/asks.ts';
import type { NodeFile } from '../../agent/node-file/port.ts';
import type { Outcome } from '../../agent/postgres/port.ts';
import type { Incarnation } from '../../shared/domain/node-id.ts';
import type { Inbox } from './inbox.ts';
import type { SimNode } from './node.ts';
import { PostgresDoor, type Wanted } from './postgres-door.ts';
import { runScript, type Process, type Script } from './process.ts';
import type { SimStore } from './sim-store.ts';
import { Violation } from './world.ts';

/** The real one closes its socket or is given up on after so long (agent/loop/world.ts). */
const GUARD_ANSWERS_MS = 200;
/** Asked all the time; a story is told without them. */
const ROUTINE: ReadonlySet<AskKind> = new Set(['look', 'stroke', 'knock', 'probe-disk']);

export type AskParts = {
  readonly node: SimNode;
  readonly process: Process;
  readonly store: SimStore;
  readonly peer: (name: string) => Inbox | null;
  readonly freshIncarnation: () => Incarnation;
};

export class Asks {
  readonly #parts: AskParts;
  readonly #process: Process;
  readonly #door: PostgresDoor;
  #openChanges = 0;

  constructor(parts: AskParts) {
    this.#parts = parts;
    this.#process = parts.process;
    this.#door = new PostgresDoor(parts.node);
  }

  /** The process has died, and whatever it had under way with it. */
  forget(): void {
    this.#openChanges = 0;
  }

  /** `isWanted`: nobody has abandoned the ask. */
  carryOut(ask: Ask, isWanted: Wanted, answer: (given: Answer) => void): void {
    const { node } = this.#parts;
    const script = this.#scriptOf(ask, isWanted);
    if (script !== null) {
      if (node.world.isTold && !ROUTINE.has(ask.kind)) node.world.tell(this.#parts.node.name, () => `begins ${ask.kind}`);
      runScript(this.#process, script, answer);
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
        this.save(ask.file, answer);
        return;
      case 'draw-incarnation':
        this.#process.after(0, () => answer(this.#parts.freshIncarnation()));
        return;
      case 'ask-status':
        this.#askStatus(ask, answer);
        return;
      case 'ask-promise':
        this.#request<'ask-promise'>(ask.timeoutMs, { kind: 'silent', why: 'no answer' }, answer, (reply) =>
          this.#toPeer(ask.url, (peer) => peer.onPromise(ask.question, (given) => this.#backFrom(ask.url, () => reply(given)))),
        );
        return;
      case 'say-down':
        if (node.life?.isPrimary === true) node.world.mark('a leader that lived and did no work gave way');
        this.#request<'say-down'>(ask.timeoutMs, false, answer, (reply) =>
          this.#toPeer(ask.url, (peer) => {
            peer.step({ kind: 'heard-down', epoch: ask.epoch, holder: ask.holder, why: ask.why });
            this.#backFrom(ask.url, () => reply(true));
          }),
        );
        return;
      case 'ask-leave':
        this.#request<'ask-leave'>(ask.timeoutMs, false, answer, (reply) =>
          this.#toPeer(ask.url, (peer) => peer.onLeave(ask.member, (mayGo) => this.#backFrom(ask.url, () => reply(mayGo)))),
        );
        return;
      case 'park-clients':
        // Nobody depends on the answer; only that it takes its time matters here.
        this.#process.after(Math.min(ask.deadlineMs, node.random.skewed(5, 400)), () => answer({ proxies: 1, sessions: 1 }));
        return;
      case 'feed-guard':
        this.#feedGuard(ask, answer);
        return;
      default:
        throw new Error(`${ask.kind} has no model`);
    }
  }

  #scriptOf(ask: Ask, isWanted: Wanted): Script<Answer> | null {
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
      case 'stroke':
        return this.#door.stroke(ask);
      case 'knock':
        return this.#door.knock(ask);
      case 'probe-disk':
        return this.#door.probeDisk(ask);
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
    const settle = this.#process.inThisLife((given: AnswerTo<Kind>) => {
      if (!isOpen) return;
      isOpen = false;
      answer(given);
    });
    this.#process.after(budgetMs, () => settle(none));
    send(settle);
  }

  #change(ask: AskOf<'change-record'>, answer: (given: Answer) => void): void {
    const { judge, name } = this.#parts.node;
    judge.onProposed(this.#parts.node, ask.record, ask.rule);
    this.#openChanges += 1;
    const settle = (given: AnswerTo<'change-record'>): void => {
      this.#openChanges -= 1;
      if (given.kind === 'lost') judge.onLost(this.#parts.node, ask.record);
      this.#markChange(ask, given.kind);
      answer(given);
    };
    if (this.#openChanges > 1) throw new Violation('I13', `${name} has two changes in flight`);
    this.#request<'change-record'>(ask.budgetMs, { kind: 'unknown', why: 'no answer' }, settle, (reply) =>
      this.#parts.store.change(name, ask, reply),
    );
  }

  #markChange({ rule }: AskOf<'change-record'>, outcome: string): void {
    const { world } = this.#parts.node;
    if (outcome === 'committed') world.mark(`rule ${rule}`);
    if (outcome === 'lost' && rule === 'T1') world.mark('a claim lost its compare');
    if (outcome === 'unknown' && rule === 'T7') world.mark('a change of the set ended unknown');
    if (outcome === 'committed' && rule === 'T9-abort') world.mark('a switchover was taken back');
  }

  #takeTurn(answer: (given: Answer) => void): void {
    const none: Outcome = { kind: 'failed', code: 'PGB-1201', why: 'etcd did not grant a lease' };
    const taken: Outcome = { kind: 'failed', code: 'PGB-1404', why: 'another node is creating the cluster' };
    this.#request<'take-turn'>(1_000, none, answer, (reply) =>
      this.#parts.store.takeTurn(this.#parts.node.name, (isMine) => reply(isMine ? { kind: 'done' } : taken)),
    );
  }

  /** The disk goes on without the process that asked. */
  save(file: NodeFile, onSaved: (outcome: Outcome) => void): void {
    const { node } = this.#parts;
    const settle = this.#process.inThisLife(() => onSaved({ kind: 'done' }));
    const { boots } = node;
    const write = (): void => {
      const ms = node.flushMs();
      if (!Number.isFinite(ms)) {
        node.whenDiskBack(this.#process.inThisLife(write));
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
    const { guard } = this.#parts.node;
    const none: Outcome = { kind: 'failed', code: 'PGB-1320', why: 'no answer from the guard' };
    if (!guard.process.isAlive) {
      this.#process.after(1, () => answer(none));
      return;
    }
    this.#request<'feed-guard'>(GUARD_ANSWERS_MS, none, answer, (reply) =>
      guard.process.after(0.2, () => {
        const why = guard.setDeadline(epoch, untilMs);
        reply(why === null ? { kind: 'done' } : { kind: 'failed', code: 'PGB-1321', why });
      }),
    );
  }

  #askStatus(ask: AskOf<'ask-status'>, answer: (given: Answer) => void): void {
    this.#request<'ask-status'>(ask.timeoutMs, null, answer, (reply) =>
      this.#toPeer(ask.url, (peer) => {
        const tell = (): void => {
          const status = peer.status();
          if (status !== null) this.#backFrom(ask.url, () => reply(status));
        };
        if (ask.fresh) peer.onFresh(tell);
        else tell();
      }),
    );
  }

  #toPeer(name: string, act: (peer: Inbox) => void): void {
    const peer = this.#parts.peer(name);
    if (peer === null) return;
    this.#parts.node.network.send(this.#parts.node.name, name, () => peer.process.run(() => act(peer)));
  }

  #backFrom(name: string, act: () => void): void {
    this.#parts.node.network.send(name, this.#parts.node.name, act);
  }
}
