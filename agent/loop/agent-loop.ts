/**
 * Facts in, decision out, effects elsewhere. Events only wake the loop; it gathers what is known, asks `decide`, and starts what was asked for.
 * A turn never waits: observing, jobs, changes and messages run beside it, each under its own deadline, so a hung disk or a silent peer
 * cannot hold up a renewal.
 */
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import type { MemberId } from '../../shared/domain/node-id.ts';
import { InvariantError } from '../../shared/assert.ts';
import { toAppError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Action, Job } from '../core/actions.ts';
import { decide } from '../core/decide.ts';
import type { Decision } from '../core/decision.ts';
import { ownExtent } from '../core/extent.ts';
import type { PromiseAnswer } from '../core/facts.ts';
import { EMPTY_MEMORY, type Memory } from '../core/memory.ts';
import { whyNotPromise, type PromiseQuestion } from '../core/promise.ts';
import type { Outcome } from '../postgres/port.ts';
import { Heartbeats } from './heartbeats.ts';
import { addressOf, failed, type JobContext } from './job-context.ts';
import { runJob } from './jobs.ts';
import { feedGuard, leaseUntilMs } from './lease.ts';

/** Jobs that turn the data directory inside out; looking at it meanwhile would see nonsense. */
const DIRECTORY_JOBS: ReadonlySet<string> = new Set(['initialize', 'adopt', 'discard', 'clone', 'rewind']);
/** How often to look at the local server, by what is going on. */
const LOOK_MS = { urgent: 8, leading: 100, otherwise: 250 } as const;

export class AgentLoop {
  readonly #context: JobContext;
  readonly #signal: AbortSignal;
  readonly #crash: (error: unknown) => void;
  #memory: Memory = EMPTY_MEMORY;
  #decision: Decision = { state: 'waiting', reason: 'starting', actions: [], memory: EMPTY_MEMORY, alarm: null };
  #scheduled = false;
  #jobAbort: AbortController | null = null;
  #jobDone: Promise<unknown> = Promise.resolve();
  #looking: Promise<void> | null = null;
  #lastEpoch: bigint | null = null;
  readonly #asking = new Set<MemberId>();
  readonly #heartbeats: Heartbeats;

  constructor(parts: Omit<JobContext, 'look'>, signal: AbortSignal, crash: (error: unknown) => void) {
    this.#context = { ...parts, look: async () => this.look() };
    this.#signal = signal;
    this.#crash = crash;
    this.#heartbeats = new Heartbeats(this.#context, signal, () => {
      this.wake();
    });
    parts.postgres.onGuardChange(() => {
      const { postmaster } = parts.postgres.guard() ?? { postmaster: { kind: 'none' as const } };
      if (postmaster.kind === 'exited') void this.look();
      this.wake();
    });
  }

  decision(): Decision {
    return this.#decision;
  }

  /** Something happened: decide again as soon as the present turn of the event loop is over. */
  wake(): void {
    if (this.#scheduled || this.#signal.aborted) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        this.#turn();
      } catch (error) {
        this.#crash(error);
      }
    });
  }

  async run(): Promise<void> {
    await Promise.all([this.#lookForever(), this.#tickForever(), this.#heartbeats.run()]);
    this.#jobAbort?.abort();
    await this.#jobDone;
  }

  /** A look that began after this call; looks do not overlap. */
  async look(): Promise<void> {
    const running = this.#looking;
    if (running !== null) await running;
    // Whoever else waited may have begun the next look already; that one began after our call.
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  /** A peer asks for a promise. Judged now, kept by a job, answered when kept. */
  async promise(
    question: PromiseQuestion,
  ): Promise<{ readonly kind: 'promised'; readonly answer: PromiseAnswer } | { readonly kind: 'refused'; readonly why: string }> {
    const { situation } = this.#context;
    const refusal = whyNotPromise(situation.facts(), question);
    if (refusal !== null) return { kind: 'refused', why: refusal };
    // The asker has heard of the death from the holder itself; our own news of it may be a moment behind.
    const { view } = situation.facts().store;
    if (question.trigger === 'down' && view.kind === 'present' && situation.down?.epoch !== question.recordEpoch)
      situation.down = { epoch: view.record.epoch, holder: view.record.holder, heardAtMs: monotonicMs() };
    const running = situation.job?.kind === 'promise' ? this.#jobDone : this.#startJob({ kind: 'promise', ballot: question.ballot });
    await running;
    const own = ownExtent(situation.server.state);
    if (situation.promiseKept !== question.ballot || own === null) return { kind: 'refused', why: 'the promise could not be kept in time' };
    const { self, file } = situation.facts();
    return {
      kind: 'promised',
      answer: {
        member: self.member,
        name: self.name,
        promised: question.ballot,
        extent: own,
        priority: self.priority,
        acceptedEpoch: file.accepted?.epoch ?? null,
      },
    };
  }

  #turn(): void {
    const { situation, clock } = this.#context;
    const facts = situation.facts();
    const view = facts.store.view;
    if (view.kind === 'present' && view.record.epoch !== this.#lastEpoch) {
      this.#lastEpoch = view.record.epoch;
      situation.dropAnswersUpTo(view.record.epoch);
      situation.downAcknowledged.clear();
      situation.handover = null;
    }
    const made = decide(facts, this.#memory);
    this.#announce(made);
    this.#memory = made.memory;
    this.#decision = made;
    const candidacy = made.memory.candidacy;
    if (candidacy !== null && made.state === 'candidate')
      clock.evidence(
        candidacy.trigger,
        facts.down?.heardAtMs ?? (view.kind === 'present' ? Math.max(view.firstSeenAtMs, candidacy.sinceMs) : candidacy.sinceMs),
      );
    // A round that came to nothing must not lend its beginning to the next one.
    if (made.state === 'following' || made.state === 'waiting') clock.forget();
    for (const action of made.actions) {
      if (action.kind === 'job' && action.job.kind === 'promise') clock.end('detect');
      this.#perform(action);
    }
  }

  #announce(made: Decision): void {
    const { log, situation } = this.#context;
    const was = this.#decision;
    if (made.state !== was.state)
      log.info(
        { from: was.state, to: made.state, reason: made.reason, epoch: this.#lastEpoch?.toString() ?? null, member: situation.member() },
        'state',
      );
    else if (made.reason !== was.reason) log.debug({ state: made.state, reason: made.reason }, 'reason');
    if (made.alarm !== null && made.alarm !== was.alarm) log.error({ alarm: made.alarm }, 'alarm');
  }

  #perform(action: Action): void {
    switch (action.kind) {
      case 'job':
        void this.#startJob(action.job);
        return;
      case 'create':
        void this.#propose(action.record, null, 'T0', action.history);
        return;
      case 'change':
        void this.#propose(action.record, action.modRevision, action.rule, action.history);
        return;
      case 'renew':
        void this.#propose(action.record, action.modRevision, 'renew', null);
        return;
      case 'say-down':
        this.#context.situation.downAcknowledged.clear();
        for (const member of action.to) void this.#sayDown(member, action.epoch);
        return;
      case 'ask-promises':
        void this.#askPromises(action);
        return;
      case 'read-store':
        this.#context.store.readSoon();
        return;
      case 'operation':
        this.#context.operations.show(action.record);
        return;
    }
  }

  async #propose(
    record: LeaderRecord,
    expected: bigint | null,
    rule: string,
    history: Parameters<JobContext['store']['propose']>[2],
  ): Promise<void> {
    const { store, guard, log, file, situation, clock, policy } = this.#context;
    const claiming = rule === 'T1' || rule === 'T2' || rule === 'T11';
    if (claiming) clock.end('choose');
    const outcome = await store.propose(record, expected, history, rule === 'renew' ? 'renewal' : 'change').catch((error: unknown) => {
      this.#crash(error);
      return null;
    });
    if (outcome === null) return;
    if (rule !== 'renew')
      log.info(
        {
          rule,
          outcome: outcome.kind,
          epoch: record.epoch.toString(),
          state: record.state.kind,
          members: record.set.members,
          k: record.set.k,
          why: history?.why ?? null,
        },
        'record',
      );
    if (outcome.kind === 'committed') {
      const held = outcome.record.state.kind === 'serving' || outcome.record.state.kind === 'promoting';
      const untilMs = held ? leaseUntilMs(store, outcome.record, policy.marginMs) : null;
      if (untilMs !== null && guard.status()?.deadline !== null) void feedGuard(guard, outcome.record.epoch, untilMs);
      if (claiming) {
        clock.end('claim');
        clock.claimed(outcome.record.epoch.toString(), history?.why ?? '');
        this.#tellClaimed(outcome.record);
      }
      if (rule === 'T3' || rule === 'T0')
        await file.accept(outcome.record).catch((error: unknown) => log.error({ err: error }, 'node file'));
    }
    // What was true of the stop is over: a hand-over that failed or was taken back must be prepared afresh.
    if (rule === 'T9-abort' || (outcome.kind !== 'committed' && (rule === 'T9' || rule === 'T8'))) situation.handover = null;
    this.wake();
  }

  #tellClaimed(record: LeaderRecord): void {
    for (const node of this.#context.store.facts().nodes.values()) {
      if (node.member !== this.#context.situation.member())
        void this.#context.peers.claimed(node.agentUrl, record, this.#context.policy.promiseAttemptMs, this.#signal);
    }
  }

  async #sayDown(member: MemberId, epoch: LeaderRecord['epoch']): Promise<void> {
    const { peers, situation, policy } = this.#context;
    const node = addressOf(this.#context, member);
    if (node === null) return;
    const heard = await peers.down(node.agentUrl, epoch, situation.member(), policy.promiseAttemptMs, this.#signal);
    if (heard) situation.downAcknowledged.add(member);
    this.wake();
  }

  async #askPromises(action: Extract<Action, { kind: 'ask-promises' }>): Promise<void> {
    const { store, situation, log } = this.#context;
    // Where silence is the evidence, a peer only believes a requester that has just read the store (P4.1).
    if (action.trigger === 'ttl' || action.trigger === 'suspicion') await store.readNow();
    const { lastReadAtMs } = store.facts();
    const request = {
      ballot: action.ballot,
      from: situation.member(),
      recordEpoch: action.record.epoch,
      readAgeMs: lastReadAtMs === null ? null : monotonicMs() - lastReadAtMs,
      trigger: action.trigger,
    };
    for (const member of action.to) {
      const node = addressOf(this.#context, member);
      if (node === null || this.#asking.has(member)) continue;
      this.#asking.add(member);
      void this.#context.peers.promise(node.agentUrl, request, this.#context.policy.promiseAttemptMs, this.#signal).then((reply) => {
        this.#asking.delete(member);
        if (reply.kind === 'promised') situation.addAnswer(reply.answer);
        else log.info({ member, ballot: action.ballot.toString(), why: reply.why }, `promise ${reply.kind}`);
        this.wake();
      });
    }
  }

  /** Starts a job; a running one is aborted first (only `promise` and `kill` get here then) and has ended before the new one begins. */
  async #startJob(job: Job): Promise<Outcome> {
    const { situation, log } = this.#context;
    this.#jobAbort?.abort(job.kind);
    const before = this.#jobDone;
    const abort = new AbortController();
    this.#jobAbort = abort;
    const own = { kind: job.kind, sinceMs: monotonicMs() };
    situation.job = own;
    const run = (async (): Promise<Outcome> => {
      await before;
      const outcome = await runJob(this.#context, job, AbortSignal.any([abort.signal, this.#signal])).catch((error: unknown): Outcome => {
        if (error instanceof InvariantError) this.#crash(error);
        const known = toAppError(error);
        return failed(known.code, known.message);
      });
      const tookMs = Math.round(monotonicMs() - own.sinceMs);
      // A job that fails in the same way again is no news; the alarm stands meanwhile, and a log must not fill.
      const again = outcome.kind === 'failed' && situation.facts().failures.get(job.kind)?.why.startsWith(outcome.code) === true;
      if (outcome.kind === 'done') situation.succeeded(job.kind);
      else if (abort.signal.reason !== 'promise') situation.failed(job.kind, `${outcome.code} ${outcome.why}`);
      if (outcome.kind === 'failed')
        log[again ? 'debug' : 'warn'](
          { job: job.kind, code: outcome.code, why: outcome.why, tookMs, aborted: abort.signal.aborted },
          'job failed',
        );
      // Looking after the slots comes round for ever; it is no edge.
      else log[job.kind === 'slots' ? 'debug' : 'info']({ job: job.kind, tookMs }, 'job done');
      await this.look();
      if (situation.job === own) situation.job = null;
      this.wake();
      return outcome;
    })();
    this.#jobDone = run;
    return run;
  }

  async #lookOnce(): Promise<void> {
    const { situation, postgres } = this.#context;
    if (situation.job !== null && DIRECTORY_JOBS.has(situation.job.kind) && !this.#directoryJobIsOver()) return;
    const seenAtMs = monotonicMs();
    const state = await postgres.observe(1_000);
    situation.server = { state, seenAtMs };
    this.#completeProof();
    this.#heartbeats.noteReceived(state.kind === 'running' ? state.facts.receivedLsn : null);
    this.wake();
  }

  /** The look that should have dated a proof found nothing; a later position is only stricter. */
  #completeProof(): void {
    const { situation } = this.#context;
    const { inForce, server, job } = situation;
    if (job !== null || inForce.kind !== 'proven' || inForce.provenAtLsn !== null) return;
    if (server.state.kind !== 'running' || server.state.facts.inRecovery) return;
    situation.inForce = { ...inForce, provenAtLsn: server.state.facts.flushedLsn };
  }

  /** The directory jobs look once more themselves, when the directory is whole again. */
  #directoryJobIsOver(): boolean {
    const { situation, file } = this.#context;
    return situation.job?.kind === 'discard' || file.current().dir === 'ok';
  }

  async #lookForever(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.look();
      await sleep(this.#lookPauseMs(), this.#signal);
    }
  }

  #lookPauseMs(): number {
    const { state } = this.#decision;
    if (state === 'promoting' || state === 'candidate' || (state === 'leading' && !this.#context.postgres.isOpen())) return LOOK_MS.urgent;
    return state === 'leading' || state === 'crashed' || state === 'handing-over' ? LOOK_MS.leading : LOOK_MS.otherwise;
  }

  async #tickForever(): Promise<void> {
    while (!this.#signal.aborted) {
      this.wake();
      await sleep(this.#decision.state === 'candidate' ? 10 : 50, this.#signal);
    }
  }
}
