/** Keeping a promise (PROTOCOL P4.2), and fetching under one what a claim would lack (P5.5). */
import type { Epoch } from '../../../shared/domain/epoch.ts';
import type { LeaderRecord } from '../../../shared/domain/leader-record.ts';
import type { MemberId } from '../../../shared/domain/node-id.ts';
import type { Job } from '../../core/actions.ts';
import { ownExtent } from '../../core/extent.ts';
import type { Outcome } from '../../postgres/port.ts';
import { accepting, promising } from '../node-file-keeper.ts';
import { ask, both, DONE, failed, followOf, look, save, wait, type Bench, type Recipe, type Step } from '../recipe.ts';
import { kill } from './server.ts';

const FETCH_POLL_MS = 20;
/** Nothing has come for so long: the source has no more. */
const FETCH_QUIET_MS = 500;

/** Persist in parallel with the cut; kept only when both are done and the receiver has been seen dead. */
export function* keepPromise(bench: Bench, ballot: Epoch): Recipe<Outcome> {
  const { situation, store, clock } = bench;
  const { record } = store;
  // Between the judgement and now the record may have become ours at this very epoch; then there is nothing left to promise.
  if (record === null || record.epoch >= ballot) return failed('PGB-1405', 'the record has reached that epoch');
  situation.following = null;
  if (!isSurelyStandby(bench)) yield* look();
  if (mayBePrimary(bench)) {
    const killed = yield* kill(bench);
    if (killed.kind === 'failed') return killed;
  }
  const { kind } = situation.server.state;
  const isDown = situation.guard?.postmaster.kind !== 'running' && (kind === 'stopped' || kind === 'absent');
  if (isDown) {
    const saved = yield* save(promising(ballot));
    if (saved.kind === 'failed') return saved;
  } else {
    const [saved, cut] = yield* both<Outcome, Outcome | readonly [Outcome, Outcome]>(
      { kind: 'save', edit: promising(ballot) },
      cutOff(record, situation.member),
    );
    const failure = [saved, cut].flat().find((outcome) => outcome.kind === 'failed');
    if (failure !== undefined) return failure;
  }
  yield* look();
  // Somebody may have promoted it by hand just now. It goes on writing, and none of that would be in an answer given while it runs (simulator seed 961).
  if (seenAsPrimary(situation)) {
    const killed = yield* kill(bench);
    if (killed.kind === 'failed') return killed;
    yield* look();
  }
  situation.promiseKept = ballot;
  clock.end('fence');
  return DONE;
}

/** Nobody else may claim what is handed over to us, and everybody waits for it: the door that a promotion needs closed is closed on the way. */
function cutOff({ state }: LeaderRecord, member: MemberId): Step {
  const revoke: Step = { kind: 'ask', ask: { kind: 'revoke' } };
  if (state.kind !== 'handing-over' || state.to !== member) return revoke;
  return { kind: 'both', first: revoke, second: { kind: 'ask', ask: { kind: 'set-open', open: false } } };
}

/** The guard knows what it started, and nobody else promotes it; a look would cost the fast path its time. */
function isSurelyStandby({ situation }: Bench): boolean {
  const postmaster = situation.guard?.postmaster;
  return postmaster?.kind === 'running' && postmaster.purpose.kind === 'standby' && !postmaster.promoted && !seenAsPrimary(situation);
}

function mayBePrimary(bench: Bench): boolean {
  const postmaster = bench.situation.guard?.postmaster;
  if (postmaster?.kind === 'running' && (postmaster.purpose.kind === 'primary' || postmaster.promoted)) return true;
  return seenAsPrimary(bench.situation);
}

/** Somebody may have promoted it by hand. */
function seenAsPrimary({ server }: Bench['situation']): boolean {
  return server.state.kind === 'running' && !server.state.facts.inRecovery;
}

/** P5.5: follow another promiser under our own ballot until nothing more comes, then let go again. */
export function* fetchWal(bench: Bench, { from, ballot }: Extract<Job, { kind: 'fetch' }>): Recipe<Outcome> {
  const { situation, outbox, store } = bench;
  const { record } = store;
  const source = followOf(bench, from, ballot);
  if (source === null || record === null) return failed('PGB-1405', 'the address of the source is not known');
  // What comes may be of the timeline that this record reserved, and its holder may never have been followed: without the note it would look borrowed.
  const noted = yield* save(accepting(record));
  if (noted.kind === 'failed') return noted;
  let cut: Outcome = DONE;
  try {
    const attached = yield* ask<'follow'>({ kind: 'follow', target: source });
    if (attached.kind === 'failed') return attached;
    let last = 0n;
    let quietSinceMs = outbox.nowMs;
    // A source that has found its leader goes on for ever; then the election is over, and nobody needs this any more.
    while (outbox.nowMs - quietSinceMs < FETCH_QUIET_MS && (store.record?.epoch ?? ballot) < ballot) {
      yield* wait(FETCH_POLL_MS);
      yield* look();
      const received: bigint = ownExtent(situation.server.state)?.lsn ?? 0n;
      if (received > last) quietSinceMs = outbox.nowMs;
      last = received;
    }
  } finally {
    // Whoever pushes this aside relies on the promise that no receiver runs.
    cut = yield* ask<'revoke'>({ kind: 'revoke' });
    if (cut.kind === 'failed') situation.promiseKept = null;
  }
  return cut;
}
