/**
 * One node's agent as a state machine: an event and an instant in, effects out. Synchronous, without clock, disk, socket or dice; the same code runs
 * in production (agent/loop gives it a world) and in the simulator. Given the same start and the same list of (event, now) it does the same.
 */
import { assert, unreachable } from '../../shared/assert.ts';
import type { HistoryEntry, LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import type { Action, Job } from '../core/actions.ts';
import { authorityOf } from '../core/authority.ts';
import { decide } from '../core/decide.ts';
import type { Decision } from '../core/decision.ts';
import type { Facts, Self } from '../core/facts.ts';
import { EMPTY_MEMORY, type Memory } from '../core/memory.ts';
import type { NodeFile } from '../node-file/port.ts';
import type { Look, Rule } from './asks.ts';
import type { Effect, Event } from './events.ts';
import { Canvass } from './canvass.ts';
import { FailoverClock, type TimedFailover } from './failover-clock.ts';
import { Heartbeats } from './heartbeats.ts';
import { Jobs } from './jobs.ts';
import { Looks } from './looks.ts';
import { accepting, NodeFileKeeper } from './node-file-keeper.ts';
import { OperationBoard } from './operation-board.ts';
import { Outbox } from './outbox.ts';
import { Promises } from './promises.ts';
import { Pulse } from './pulse.ts';
import type { Bench } from './recipe.ts';
import { Situation } from './situation.ts';
import { StoreNote } from './store-note.ts';
import { StoreTrust } from './store-trust.ts';
import { StoreView, type Settled } from './store-view.ts';

/** Jobs that turn the data directory inside out; looking at it meanwhile would see nonsense. */
const DIRECTORY_JOBS: ReadonlySet<string> = new Set(['initialize', 'adopt', 'discard', 'clone', 'rewind']);
/** How often to look at the local server, by what is going on. */
const LOOK_MS = { urgent: 8, leading: 100, otherwise: 250 } as const;
/** A decision that finds something to do may make the next one possible at once. */
const DECISIONS_A_STEP_MAX = 8;

export type MachineStart = {
  readonly self: Omit<Self, 'member'>;
  readonly file: NodeFile;
  /** Text no other life of any agent has: the nonces of its changes begin with it. */
  readonly salt: string;
  readonly nowMs: number;
};

type Change = {
  readonly rule: Rule;
  readonly record: LeaderRecord;
  readonly expected: bigint | null;
  readonly history: HistoryEntry | null;
};

export class AgentMachine {
  readonly #outbox = new Outbox();
  readonly #store: StoreView;
  readonly #note: StoreNote;
  readonly #file: NodeFileKeeper;
  readonly #situation: Situation;
  readonly #looks: Looks;
  readonly #jobs: Jobs;
  readonly #heartbeats: Heartbeats;
  readonly #promises: Promises;
  readonly #bench: Bench;
  readonly #canvass: Canvass;
  readonly #pulse: Pulse;
  #memory: Memory = EMPTY_MEMORY;
  #decision: Decision = { state: 'waiting', reason: 'starting', actions: [], memory: EMPTY_MEMORY, alarm: null };
  #lastEpoch: bigint | null = null;
  #isDecided = true;

  constructor({ self, file, salt, nowMs }: MachineStart) {
    const outbox = this.#outbox;
    const { policy } = self;
    outbox.begin(nowMs);
    const keeper = new NodeFileKeeper(outbox, file);
    this.#file = keeper;
    const revision = BigInt(file.etcdRevision);
    const trust = new StoreTrust({
      clusterId: file.etcdClusterId,
      revision,
      honoured: file.etcdRepair,
      systemId: () => keeper.current.systemId,
      accepted: () => keeper.current.accepted,
    });
    this.#store = new StoreView({ outbox, policy, salt, trust, nodes: file.nodes, startedAtMs: nowMs });
    this.#note = new StoreNote({ outbox, file: keeper, store: this.#store });
    this.#situation = new Situation({ self, outbox, file: this.#file, store: this.#store, startedAtMs: nowMs });
    this.#bench = {
      policy,
      outbox,
      store: this.#store,
      file: this.#file,
      situation: this.#situation,
      operations: new OperationBoard(outbox, policy),
      clock: new FailoverClock(outbox),
    };
    this.#looks = new Looks(
      outbox,
      () => this.#isBlind(),
      (look, askedAtMs) => this.#onLook(look, askedAtMs),
    );
    this.#jobs = new Jobs(this.#bench, this.#looks, (job) => this.#onJobEnd(job));
    this.#heartbeats = new Heartbeats(this.#bench);
    this.#canvass = new Canvass(this.#bench);
    this.#pulse = new Pulse(this.#bench);
    this.#promises = new Promises(this.#bench, (job) => this.#jobs.start(job));
  }

  get decision(): Decision {
    return this.#decision;
  }

  get memory(): Memory {
    return this.#memory;
  }

  get store(): Pick<StoreView, 'facts' | 'identity' | 'operationRevision' | 'repairs' | 'mayAnnounce' | 'trouble'> {
    return this.#store;
  }

  get file(): NodeFile {
    return this.#file.current;
  }

  get member(): MemberId {
    return this.#situation.member;
  }

  get lastFailover(): TimedFailover | null {
    return this.#bench.clock.last;
  }

  /** What is known now; for those who show it. */
  facts(nowMs: number): Facts {
    return { ...this.#situation.facts(), nowMs, reached: (atMs) => atMs <= nowMs };
  }

  /** Never goes back in time; throws InvariantError when it contradicts itself, and must not be used after that. */
  step(event: Event, nowMs: number): readonly Effect[] {
    assert(nowMs >= this.#outbox.nowMs, 'time never goes back');
    this.#outbox.begin(nowMs);
    this.#heartbeats.noticeSleep();
    this.#take(event);
    this.#store.run();
    this.#jobs.run();
    this.#heartbeats.run();
    this.#pulse.run();
    this.#note.run();
    let rounds = 0;
    do {
      assert(rounds < DECISIONS_A_STEP_MAX, 'decisions come to an end');
      rounds += 1;
      this.#isDecided = true;
      this.#decide();
    } while (!this.#isDecided);
    this.#looks.run(this.#lookPauseMs());
    return this.#outbox.take();
  }

  #take(event: Event): void {
    const { situation } = this.#bench;
    switch (event.kind) {
      case 'woken':
        this.#outbox.woken();
        return;
      case 'answered':
        this.#outbox.answered(event.id, event.answer);
        return;
      case 'shown':
        this.#store.show(event.items);
        return;
      case 'shown-deleted':
        this.#store.showDeleted(event.what);
        return;
      case 'guard':
        this.#onGuard(event);
        return;
      case 'heard-down':
        situation.down = { epoch: event.epoch, holder: event.holder, why: event.why, heardAtMs: this.#outbox.nowMs };
        return;
      case 'heard-claim':
        // A hint only: the record is read from the store before it is believed.
        this.#store.readSoon();
        return;
      case 'asked-to-promise':
        this.#promises.ask(event.request, event.question);
        return;
      case 'asked-fresh':
        this.#looks.again(() => this.#outbox.send({ kind: 'reply-fresh', request: event.request }));
        return;
      case 'asked-to-leave':
        this.#outbox.send({ kind: 'reply-leave', request: event.request, mayGo: this.#letGo(event.member) });
        return;
      case 'takeover':
        this.#onTakeover(event);
        return;
      default:
        unreachable(event);
    }
  }

  #onGuard({ status }: Extract<Event, { kind: 'guard' }>): void {
    this.#situation.guard = status;
    if (status?.postmaster.kind === 'exited') this.#looks.again(() => undefined);
  }

  #onTakeover({ force, declareLost }: Extract<Event, { kind: 'takeover' }>): void {
    const { record } = this.#store;
    if (record === null) return;
    this.#situation.takeover = { epoch: record.epoch, declareLost, force, askedAtMs: this.#outbox.nowMs };
  }

  /**
   * P7.8: from here on this incarnation is not counted on any more, unless it is seen to have gone on; whether it still is, the record, the set in force and a
   * change on its way tell.
   */
  #letGo(member: MemberId): boolean {
    const { record, proposed } = this.#store;
    if (record === null || record.holder !== this.member) return false;
    this.#situation.noteLeaving(member);
    const { inForce } = this.#situation;
    const counts = [record.set, ...(proposed === null ? [] : [proposed.set]), ...(inForce.kind === 'proven' ? [inForce.set] : [])];
    return inForce.kind === 'proven' && counts.every(({ members }) => !members.includes(member));
  }

  #decide(): void {
    const { clock } = this.#bench;
    const { record } = this.#store;
    if (record !== null && record.epoch !== this.#lastEpoch) {
      this.#lastEpoch = record.epoch;
      this.#situation.enterEpoch(record.epoch);
    }
    const facts = this.#situation.facts();
    const made = decide(facts, this.#memory);
    this.#announce(made);
    this.#memory = made.memory;
    this.#decision = made;
    this.#situation.hasSaidDown = made.memory.crash !== null && made.memory.crash.saidAtMs !== null;
    const { candidacy } = made.memory;
    if (candidacy !== null && made.state === 'candidate') clock.evidence(candidacy.trigger, evidenceAtMs(facts, candidacy.sinceMs));
    // A round that came to nothing must not lend its beginning to the next one.
    if (made.state === 'following' || made.state === 'waiting') clock.forget();
    for (const action of made.actions) this.#perform(action);
  }

  #announce(made: Decision): void {
    const was = this.#decision;
    if (made.state !== was.state) {
      const epoch = this.#lastEpoch?.toString() ?? null;
      this.#outbox.log('info', 'state', { from: was.state, to: made.state, reason: made.reason, epoch, member: this.member });
    }
    if (made.alarm !== null && made.alarm !== was.alarm) this.#outbox.log('error', 'alarm', { alarm: made.alarm });
  }

  #perform(action: Action): void {
    switch (action.kind) {
      case 'job':
        if (action.job.kind === 'promise') this.#bench.clock.end('detect');
        this.#jobs.start(action.job);
        return;
      case 'create':
        this.#propose({ rule: 'T0', record: action.record, expected: null, history: action.history });
        return;
      case 'change':
        this.#propose({ rule: action.rule, record: action.record, expected: action.modRevision, history: action.history });
        return;
      case 'renew':
        this.#propose({ rule: 'renew', record: action.record, expected: action.modRevision, history: null });
        return;
      case 'say-down':
        this.#canvass.sayDown(action);
        return;
      case 'ask-promises':
        this.#canvass.askPromises(action);
        return;
      case 'read-store':
        this.#store.readSoon();
        return;
      case 'operation':
        this.#bench.operations.show(action.record);
        return;
      default:
        unreachable(action);
    }
  }

  #propose(change: Change): void {
    const { rule, record, expected, history } = change;
    if (isClaim(rule)) this.#bench.clock.end('choose');
    this.#store.propose({ rule, record, expected, history, settle: (settled) => this.#onSettled(change, settled) });
  }

  #onSettled({ rule, record, history }: Change, settled: Settled): void {
    const { clock, policy, outbox } = this.#bench;
    this.#isDecided = false;
    if (rule !== 'renew')
      outbox.log('info', 'record', {
        rule,
        outcome: settled.kind,
        epoch: record.epoch.toString(),
        state: record.state.kind,
        members: record.set.members,
        k: record.set.k,
        why: history?.why ?? null,
      });
    // What was true of the stop is over: a hand-over that failed or was taken back must be prepared afresh.
    if (rule === 'T9-abort' || (settled.kind === 'lost' && (rule === 'T9' || rule === 'T8'))) this.#situation.handover = null;
    if (settled.kind === 'lost') return;
    this.#feedGuard(settled.record);
    if (isClaim(rule)) {
      clock.end('claim');
      clock.claimed(record.epoch.toString(), history?.why ?? '');
      for (const node of this.#store.facts().nodes.values())
        if (node.member !== this.member)
          outbox.send({ kind: 'tell-claimed', url: node.agentUrl, epoch: record.epoch, timeoutMs: policy.promiseAttemptMs });
    }
    const { accepted } = this.#file.current;
    // An epoch that was raised past every agent (T3 elsewhere, a repaired store) shows first in a renewal.
    const isRaised = accepted !== null && settled.record.epoch > accepted.epoch;
    // An agent that starts while etcd is away asks those for confirmation whom the file names: with the set of before a T7, often nobody.
    if (rule === 'T0' || rule === 'T3' || rule === 'T6' || rule === 'T7' || (rule === 'renew' && isRaised))
      this.#file.update(accepting(settled.record), (outcome) => {
        if (outcome.kind === 'failed') outbox.log('error', 'node file', { why: outcome.why });
      });
  }

  /** A renewal is worth what the guard knows of it. The first deadline of an epoch is given by the job that starts or promotes. */
  #feedGuard(record: LeaderRecord): void {
    if (this.#situation.guard?.deadline === null || this.#situation.guard === null) return;
    const authority = authorityOf(this.#situation.facts(), record);
    if (authority === null) return;
    this.#outbox.ask<'feed-guard'>({ kind: 'feed-guard', epoch: record.epoch, untilMs: authority.untilMs }, () => undefined);
  }

  #onJobEnd(job: Job): void {
    this.#isDecided = false;
    if (job.kind === 'promise') this.#promises.settle();
  }

  #onLook({ state, open }: Look, askedAtMs: number): void {
    const { situation } = this.#bench;
    situation.server = { state, seenAtMs: askedAtMs };
    situation.open = open;
    this.#completeProof();
    this.#heartbeats.noteReceived(state.kind === 'running' ? state.facts.receivedLsn : null);
  }

  /** The look that should have dated a proof found nothing; a later position is only stricter. */
  #completeProof(): void {
    const { situation } = this.#bench;
    const { inForce, server, job } = situation;
    if (job !== null || inForce.kind !== 'proven' || inForce.provenAtLsn !== null) return;
    if (server.state.kind !== 'running' || server.state.facts.inRecovery) return;
    situation.inForce = { ...inForce, provenAtLsn: server.state.facts.flushedLsn };
  }

  /** The directory jobs look once more themselves, when the directory is whole again. */
  #isBlind(): boolean {
    const { job } = this.#situation;
    return job !== null && DIRECTORY_JOBS.has(job.kind) && job.kind !== 'discard' && this.#file.current.dir !== 'ok';
  }

  #lookPauseMs(): number {
    const { state } = this.#decision;
    const isUrgent = state === 'promoting' || state === 'candidate' || (state === 'leading' && !this.#situation.open);
    // A job looks when it needs to; looking all the while would take the processors from what everybody waits for.
    if (isUrgent) return this.#situation.job === null ? LOOK_MS.urgent : LOOK_MS.leading;
    return state === 'leading' || state === 'crashed' || state === 'handing-over' ? LOOK_MS.leading : LOOK_MS.otherwise;
  }
}

/** When what a candidate acts on came to be known. */
function evidenceAtMs({ down, store }: Facts, sinceMs: number): number {
  if (down !== null) return down.heardAtMs;
  return store.view.kind === 'present' ? Math.max(store.view.firstSeenAtMs, sinceMs) : sinceMs;
}

function isClaim(rule: Rule): boolean {
  return rule === 'T1' || rule === 'T2' || rule === 'T11';
}
