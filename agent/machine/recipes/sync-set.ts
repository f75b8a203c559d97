/**
 * Puts a set in force and proves it (PROTOCOL P7.5, P7.6). Between two proofs more than one value may decide acknowledgements; `inForce` says
 * so by being `unproven`, from before the first write until after the last proof.
 */
import { sameSet, type MemberSet } from '../../../shared/domain/member-set.ts';
import type { Outcome, SyncSetting } from '../../postgres/port.ts';
import { accepting } from '../node-file-keeper.ts';
import { ask, DONE, inOrder, look, save, type Bench, type Recipe } from '../recipe.ts';

const PROOF_DEADLINE_MS = 3_000;

/** What to write for a set. Nobody to wait for: the empty list, unless `closed` (still before the first client) or strict asks for the placeholder. */
export function settingFor({ policy }: Bench, set: MemberSet, closed: boolean): SyncSetting {
  if (set.k > 0) return { kind: 'any', set };
  return closed || (policy.strict && policy.mode === 'quorum') ? { kind: 'placeholder' } : { kind: 'no-wait' };
}

export function* putInForce(bench: Bench, set: MemberSet): Recipe<Outcome> {
  const { situation, store, file } = bench;
  situation.inForce = { kind: 'unproven' };
  const { record } = store;
  // What this node falls back to when it starts again without a store must know of the set that is about to count.
  if (record !== null && record.seq !== file.current.accepted?.seq) {
    const saved = yield* save(accepting(record));
    if (saved.kind === 'failed') return saved;
  }
  const target = settingFor(bench, set, false);
  // Priorities under ANY say nothing about k: FIRST makes the new value visible in every walsender.
  const outcome =
    target.kind === 'any'
      ? yield* inOrder(
          () => put({ kind: 'first', set, generation: situation.nextGeneration() }),
          () => put(target),
        )
      : yield* put(target);
  if (outcome.kind === 'failed') return outcome;
  yield* look();
  const { state } = situation.server;
  const provenAtLsn = state.kind === 'running' ? state.facts.flushedLsn : null;
  situation.inForce = { kind: 'proven', set, waiting: target.kind !== 'no-wait', provenAtLsn };
  return DONE;
}

function* put(setting: SyncSetting): Recipe<Outcome> {
  const written = yield* ask<'write-sync'>({ kind: 'write-sync', setting });
  if (written.kind === 'failed') return written;
  return yield* ask<'prove-sync'>({ kind: 'prove-sync', setting, deadlineMs: PROOF_DEADLINE_MS });
}

/** On a standby: between two real values the placeholder, so that no backend can ever have seen a looser mixture (P7.6). */
export function* rest(bench: Bench, set: MemberSet): Recipe<Outcome> {
  const { situation } = bench;
  if (situation.resting !== null && sameSet(situation.resting, set)) return DONE;
  const hadOne = situation.resting !== null;
  situation.resting = null;
  if (hadOne) {
    const cleared = yield* put({ kind: 'placeholder' });
    if (cleared.kind === 'failed') return cleared;
  }
  const outcome = yield* put(settingFor(bench, set, true));
  if (outcome.kind === 'done' && set.k > 0) situation.resting = set;
  return outcome;
}
