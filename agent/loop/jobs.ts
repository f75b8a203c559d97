/**
 * Carries out the jobs that decisions ask for. Each re-checks before what cannot be undone, persists before it acts (P4.2, P4.4), and
 * reports an outcome instead of throwing. It never decides what to do next.
 */
import { unreachable } from '../../shared/assert.ts';
import type { LeaderRecord } from '../../shared/domain/leader-record.ts';
import { slotName } from '../../shared/domain/node-id.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import type { Job } from '../core/actions.ts';
import { authorityOf } from '../core/authority.ts';
import { ownExtent } from '../core/extent.ts';
import type { Outcome } from '../postgres/port.ts';
import { clone, discard, initialize, adopt, rewind } from './directory-jobs.ts';
import { DONE, failed, followOf, inOrder, stillOurs, type JobContext } from './job-context.ts';
import { feedGuard } from './lease.ts';
import { putInForce, rest, settingFor } from './set-jobs.ts';
import { stopForSwitchover } from './switchover-job.ts';

export async function runJob(context: JobContext, job: Job, signal: AbortSignal): Promise<Outcome> {
  switch (job.kind) {
    case 'initialize':
      return initialize(context, signal);
    case 'adopt':
      return adopt(context, signal);
    case 'discard':
      return discard(context, signal);
    case 'clone':
      return clone(context, job, signal);
    case 'rewind':
      return rewind(context, job, signal);
    case 'start-standby':
      return startStandby(context, job.record, job.follow, signal);
    case 'start-primary':
      return startPrimary(context, job.record, signal);
    case 'kill':
      context.situation.forgetServer();
      return context.postgres.kill(10 * context.policy.killMs);
    case 'follow':
      return follow(context, job.record, signal);
    case 'promise':
      return keepPromise(context, job, signal);
    case 'fetch':
      return fetchWal(context, job, signal);
    case 'promote':
      return promote(context, job.record, signal);
    case 'put-in-force':
      return putInForce(context, job.set, signal);
    case 'rest':
      return rest(context, job.set, signal);
    case 'open':
      return open(context, job.epoch, signal);
    case 'stop-for-switchover':
      return stopForSwitchover(context, job.operation, signal);
    case 'slots':
      return context.postgres.keepSlots(job.members.map(slotName), signal);
    default:
      return unreachable(job);
  }
}

async function startStandby(context: JobContext, record: LeaderRecord, attach: boolean, signal: AbortSignal): Promise<Outcome> {
  const { situation, postgres, file } = context;
  situation.forgetServer();
  const target = attach ? followOf(context, record.holder, record.epoch) : null;
  if (target !== null) await file.accept(record);
  const outcome = await postgres.start({ kind: 'standby', follow: target, resting: { kind: 'placeholder' } }, signal);
  if (outcome.kind === 'done' && target !== null) situation.following = { epoch: record.epoch, holder: record.holder };
  return outcome;
}

/** T5: in place, on the epoch that was just proven again. */
async function startPrimary(context: JobContext, record: LeaderRecord, signal: AbortSignal): Promise<Outcome> {
  const { situation, postgres, file, guard } = context;
  situation.forgetServer();
  const inForce = settingFor(context, record.set, true);
  return inOrder(
    async () => {
      await file.accept(record);
      return stillOurs(context, record.epoch);
    },
    async () => feed(context, record),
    async () => postgres.start({ kind: 'primary', epoch: record.epoch, inForce }, signal),
    async () => {
      await context.look();
      const { state } = situation.server;
      const lsn = state.kind === 'running' ? state.facts.flushedLsn : null;
      // Non-empty since this server's start, so no backend has ever run without waiting: in force without a further proof.
      situation.inForce = { kind: 'proven', set: record.set, waiting: true, provenAtLsn: lsn };
      return guard.status() === null ? failed('PGB-1320', 'the guard is gone') : DONE;
    },
  );
}

/** Hands the guard the deadline of the last proven lease. */
async function feed(context: JobContext, record: LeaderRecord): Promise<Outcome> {
  const authority = authorityOf(context.situation.facts(), record);
  if (authority === null || authority.untilMs <= monotonicMs()) return failed('PGB-1405', 'nothing entitles us to be primary');
  return feedGuard(context.guard, record.epoch, authority.untilMs);
}

/** P4.4: persisted before the standby is told. */
async function follow(context: JobContext, record: LeaderRecord, signal: AbortSignal): Promise<Outcome> {
  const { situation, file, postgres } = context;
  const target = followOf(context, record.holder, record.epoch);
  if (target === null) return failed('PGB-1405', 'the address of the holder is not known yet');
  // A standby that follows a newer epoch never finished the promotion it may once have begun; the note would keep it out for ever.
  await file.accept(record, (current) => ({
    ...current,
    promotion: current.promotion?.phase === 'begun' && current.promotion.epoch < record.epoch ? null : current.promotion,
  }));
  if (file.current().promised > record.epoch) return failed('PGB-1405', 'a higher epoch was promised meanwhile');
  const outcome = await postgres.follow(target, signal);
  if (outcome.kind === 'done') {
    situation.following = { epoch: record.epoch, holder: record.holder };
    situation.promiseKept = null;
  }
  return outcome;
}

/** P4.2: persist in parallel with the cut; answer only when both are done. */
async function keepPromise(context: JobContext, job: Extract<Job, { kind: 'promise' }>, signal: AbortSignal): Promise<Outcome> {
  const { situation, file, postgres } = context;
  const { view } = context.store.facts();
  // Between the judgement and now the record may have become ours at this very epoch; then there is nothing left to promise.
  if (view.kind !== 'present' || view.record.epoch >= job.ballot) return failed('PGB-1405', 'the record has reached that epoch');
  situation.following = null;
  await context.look();
  const { state } = situation.server;
  if (state.kind === 'running' && !state.facts.inRecovery) {
    const killed = await postgres.kill(10 * context.policy.killMs);
    if (killed.kind === 'failed') return killed;
    situation.forgetServer();
  }
  const running = state.kind !== 'stopped' && state.kind !== 'absent';
  const [, cut] = await Promise.all([file.promise(job.ballot), running ? postgres.revoke(signal) : Promise.resolve(DONE)]);
  if (cut.kind === 'failed') return cut;
  await context.look();
  situation.promiseKept = job.ballot;
  context.clock.end('fence');
  return DONE;
}

/** P5.5: follow another promiser under our own ballot until nothing more comes, then let go again. */
async function fetchWal(context: JobContext, job: Extract<Job, { kind: 'fetch' }>, signal: AbortSignal): Promise<Outcome> {
  const { situation, postgres } = context;
  const source = followOf(context, job.from, job.ballot);
  if (source === null) return failed('PGB-1405', 'the address of the source is not known');
  const attached = await postgres.follow(source, signal);
  if (attached.kind === 'failed') return attached;
  let last = 0n;
  let quietSinceMs = monotonicMs();
  while (monotonicMs() - quietSinceMs < 500 && !signal.aborted) {
    await sleep(20, signal);
    await context.look();
    const received = ownExtent(situation.server.state)?.lsn ?? 0n;
    if (received > last) quietSinceMs = monotonicMs();
    last = received;
  }
  const cut = await postgres.revoke(signal);
  await context.look();
  return cut;
}

/** T4: the set proven in force while still a standby, the note durable, the guard fed, clients kept out; then promote. */
async function promote(context: JobContext, record: LeaderRecord, signal: AbortSignal): Promise<Outcome> {
  const { situation, postgres, file, clock } = context;
  const outcome = await inOrder(
    async () => {
      await file.accept(record, (current) => ({
        ...current,
        promotion: { epoch: record.epoch, timeline: record.timeline, phase: 'begun' },
      }));
      return DONE;
    },
    async () => rest(context, record.set, signal),
    async () => postgres.setOpen(false, signal),
    async () => stillOurs(context, record.epoch),
    async () => feed(context, record),
    async () => postgres.promote({ epoch: record.epoch, timeline: record.timeline, noProgressMs: context.policy.promoteByMs }, signal),
  );
  const wrong = outcome.kind === 'failed' ? outcome : await checkFork(context, record);
  if (wrong.kind === 'failed') {
    const postmaster = context.guard.status()?.postmaster;
    // Half promoted is nothing: what happened after the signal must not run on beside the next attempt.
    if (postmaster?.kind === 'running' && postmaster.promoted) {
      situation.forgetServer();
      await postgres.kill(10 * context.policy.killMs);
    }
    return wrong;
  }
  const { state } = situation.server;
  situation.inForce = {
    kind: 'proven',
    set: record.set,
    waiting: true,
    provenAtLsn: state.kind === 'running' ? state.facts.flushedLsn : null,
  };
  situation.resting = null;
  situation.following = null;
  clock.end('promote');
  await file.update((current) => ({ ...current, promotion: { epoch: record.epoch, timeline: record.timeline, phase: 'done' } }));
  return DONE;
}

/** I12: the timeline must have left its parent at the floor, or after it; before it would mean that claimed WAL was dropped. */
async function checkFork(context: JobContext, record: LeaderRecord): Promise<Outcome> {
  await context.look();
  const { state } = context.situation.server;
  if (state.kind !== 'running') return DONE;
  const fork = state.facts.history.ancestors.at(-1);
  if (fork === undefined || fork.timeline !== record.floor.timeline || fork.end >= record.floor.lsn) return DONE;
  return failed('PGB-1314', 'the new timeline left its parent before the floor');
}

async function open(context: JobContext, epoch: LeaderRecord['epoch'], signal: AbortSignal): Promise<Outcome> {
  const ours = stillOurs(context, epoch);
  if (ours.kind === 'failed') return ours;
  const outcome = await context.postgres.setOpen(true, signal);
  if (outcome.kind === 'done') {
    context.clock.finish();
    // Before version 16 pg_rewind misreads a source that has not checkpointed since its promotion; nobody waits for it.
    void context.postgres.checkpoint(AbortSignal.timeout(60_000)).then((result) => {
      if (result.kind === 'failed') context.log.warn({ why: result.why }, 'checkpoint after opening failed');
    });
  }
  return outcome;
}
