/** T4: from a standby whose receiver is cut to a primary on the reserved timeline. Half promoted is nothing: it is killed. */
import type { LeaderRecord } from '../../../shared/domain/leader-record.ts';
import { isOfRecord } from '../../core/extent.ts';
import type { Outcome } from '../../postgres/port.ts';
import { accepting, type Edit } from '../node-file-keeper.ts';
import { ask, both, DONE, failed, inOrder, look, save, stillOurs, type Bench, type Recipe, type Step } from '../recipe.ts';
import { feedOf, kill } from './server.ts';
import { rest } from './sync-set.ts';

/** The note durable, clients kept out, the guard fed, the set proven in force while still a standby; then promote. */
export function* promote(bench: Bench, record: LeaderRecord): Recipe<Outcome> {
  const { situation, clock, policy } = bench;
  const { epoch, timeline } = record;
  const accepts = accepting(record);
  let isComplete = false;
  try {
    const outcome = yield* inOrder(
      () => ready(bench, record, (file) => ({ ...accepts(file), promotion: { epoch, timeline, phase: 'begun' }, unfit: null })),
      () => rest(bench, record.set),
      () => stillOurs(bench, epoch),
      () => ask<'promote'>({ kind: 'promote', epoch, timeline, noProgressMs: policy.promoteByMs }),
      () => checkFork(bench, record),
    );
    if (outcome.kind === 'failed') return outcome;
    isComplete = true;
  } finally {
    const postmaster = situation.guard?.postmaster;
    // What happened after the signal must not run on beside the next attempt, or under a higher promise.
    if (!isComplete && postmaster?.kind === 'running' && postmaster.promoted) yield* kill(bench);
  }
  const { state } = situation.server;
  const provenAtLsn = state.kind === 'running' ? state.facts.flushedLsn : null;
  situation.inForce = { kind: 'proven', set: record.set, waiting: true, provenAtLsn };
  situation.resting = null;
  situation.following = null;
  clock.end('promote');
  return yield* save((file) => ({ ...file, promotion: { epoch, timeline, phase: 'done' } }));
}

/**
 * The note, the door and the guard, side by side, because clients wait: all must be done before the server is promoted, none before another. What the guard
 * is fed may run out while the set is proven; then it refuses the promotion.
 */
function* ready(bench: Bench, record: LeaderRecord, edit: Edit): Recipe<Outcome> {
  const feed = feedOf(bench, record);
  if (feed.kind === 'failed') return feed;
  const close: Step = { kind: 'ask', ask: { kind: 'set-open', open: false } };
  const [noted, [closed, fed]] = yield* both<Outcome, readonly [Outcome, Outcome]>(
    { kind: 'save', edit },
    { kind: 'both', first: close, second: feed },
  );
  return [noted, closed, fed].find(({ kind }) => kind === 'failed') ?? DONE;
}

/** I12: the timeline must have left its parent at the floor: before it claimed WAL would be dropped, behind it somebody else's work brought back. */
function* checkFork({ situation }: Bench, record: LeaderRecord): Recipe<Outcome> {
  yield* look();
  const { state } = situation.server;
  if (state.kind !== 'running') return DONE;
  const { history, flushedLsn } = state.facts;
  if (isOfRecord({ history, lsn: flushedLsn ?? record.floor.lsn }, record)) return DONE;
  return failed('PGB-1314', `promoted, but not to timeline ${String(record.timeline)} from the floor on`);
}
