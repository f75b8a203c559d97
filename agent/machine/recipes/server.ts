/**
 * Jobs on a server that stays what it is: starting, killing, attaching, opening. Each persists before it acts (P4.4) and re-checks just before
 * what cannot be undone. None decides what to do next.
 */
import type { Epoch } from '../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../shared/domain/leader-record.ts';
import type { Job } from '../../core/actions.ts';
import { authorityOf } from '../../core/authority.ts';
import type { Outcome } from '../../postgres/port.ts';
import { accepting } from '../node-file-keeper.ts';
import { ask, DONE, failed, followOf, inOrder, look, save, stillOurs, type Bench, type Recipe, type Step } from '../recipe.ts';
import { settingFor } from './sync-set.ts';

export function* startStandby(bench: Bench, { record, follow: attach, unfit }: Extract<Job, { kind: 'start-standby' }>): Recipe<Outcome> {
  const { situation } = bench;
  situation.forgetServer();
  if (unfit !== null) {
    const noted = yield* save((file) => ({ ...file, unfit }));
    if (noted.kind === 'failed') return noted;
  }
  const target = attach ? followOf(bench, record.holder, record.epoch) : null;
  if (target !== null) {
    const saved = yield* save(accepting(record));
    if (saved.kind === 'failed') return saved;
  }
  // From the first moment: it may have to wait for that one's WAL before it opens, and what it waits for must be known.
  if (target !== null) situation.following = { epoch: record.epoch, holder: record.holder };
  const outcome = yield* ask<'start'>({ kind: 'start', as: { kind: 'standby', follow: target, resting: { kind: 'placeholder' } } });
  if (outcome.kind === 'failed') situation.following = null;
  return outcome;
}

/** T5: in place, on the epoch that was just proven again. */
export function* startPrimary(bench: Bench, record: LeaderRecord): Recipe<Outcome> {
  const { situation } = bench;
  situation.forgetServer();
  const inForce = settingFor(bench, record.set, true);
  const outcome = yield* inOrder(
    () => save(accepting(record)),
    () => stillOurs(bench, record.epoch),
    () => feedGuard(bench, record),
    () => ask<'start'>({ kind: 'start', as: { kind: 'primary', epoch: record.epoch, inForce } }),
  );
  if (outcome.kind === 'failed') return outcome;
  yield* look();
  const { state } = situation.server;
  const lsn = state.kind === 'running' ? state.facts.flushedLsn : null;
  // Non-empty since this server's start, so no backend has ever run without waiting: in force without a further proof.
  situation.inForce = { kind: 'proven', set: record.set, waiting: true, provenAtLsn: lsn };
  return situation.guard === null ? failed('PGB-1320', 'the guard is gone') : DONE;
}

/** The step that hands the guard what the record and the confirmations entitle this node to. */
export function feedOf(
  { situation, outbox }: Bench,
  record: LeaderRecord,
): Extract<Step, { kind: 'ask' }> | Extract<Outcome, { kind: 'failed' }> {
  const authority = authorityOf(situation.facts(), record);
  if (authority === null || authority.untilMs <= outbox.nowMs) return failed('PGB-1405', 'nothing entitles us to be primary');
  return { kind: 'ask', ask: { kind: 'feed-guard', epoch: record.epoch, untilMs: authority.untilMs } };
}

function* feedGuard(bench: Bench, record: LeaderRecord): Recipe<Outcome> {
  const feed = feedOf(bench, record);
  return feed.kind === 'failed' ? feed : ((yield feed) as Outcome);
}

export function* kill({ situation, policy }: Bench): Recipe<Outcome> {
  situation.forgetServer();
  return yield* ask<'kill'>({ kind: 'kill', deadlineMs: 10 * policy.killMs });
}

/** Without the note it would be started again, and again. */
export function* condemn(bench: Bench, why: string): Recipe<Outcome> {
  const noted = yield* save((file) => ({ ...file, unfit: why }));
  return noted.kind === 'failed' ? noted : yield* kill(bench);
}

/** P4.4: persisted before the standby is told. */
export function* follow(bench: Bench, record: LeaderRecord): Recipe<Outcome> {
  const { situation, file } = bench;
  const target = followOf(bench, record.holder, record.epoch);
  if (target === null) return failed('PGB-1405', 'the address of the holder is not known yet');
  const accepts = accepting(record);
  const saved = yield* save((current) => {
    const next = accepts(current);
    // A standby that follows a newer epoch never finished the promotion it may once have begun; the note would keep it out for ever.
    return next.promotion?.phase === 'begun' && next.promotion.epoch < record.epoch ? { ...next, promotion: null } : next;
  });
  if (saved.kind === 'failed') return saved;
  if (file.current.promised > record.epoch) return failed('PGB-1405', 'a higher epoch was promised meanwhile');
  const outcome = yield* ask<'follow'>({ kind: 'follow', target });
  if (outcome.kind === 'done') {
    situation.following = { epoch: record.epoch, holder: record.holder };
    situation.promiseKept = null;
  }
  return outcome;
}

export function* open(bench: Bench, epoch: Epoch): Recipe<Outcome> {
  const ours = stillOurs(bench, epoch);
  if (ours.kind === 'failed') return ours;
  const outcome = yield* ask<'set-open'>({ kind: 'set-open', open: true });
  if (outcome.kind === 'failed') return outcome;
  // Proxies that hold clients for this very word ask every few milliseconds; the next look would tell them later.
  bench.situation.open = true;
  bench.clock.finish();
  return DONE;
}
