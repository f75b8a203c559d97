/**
 * Puts a set in force and proves it (PROTOCOL P7.5, P7.6). Between two proofs more than one value may decide acknowledgements; `inForce` says
 * so by being `unproven`, from before the first write until after the last proof.
 */
import { sameSet, type MemberSet } from '../../shared/domain/member-set.ts';
import type { Outcome, SyncSetting } from '../postgres/port.ts';
import { inOrder, type JobContext } from './job-context.ts';

const PROOF_DEADLINE_MS = 3_000;
let generation = 0;

/** What to write for a set. Nobody to wait for: the empty list, unless `closed` (still before the first client) or strict asks for the placeholder. */
export function settingFor(context: JobContext, set: MemberSet, closed: boolean): SyncSetting {
  if (set.k > 0) return { kind: 'any', set };
  return closed || (context.policy.strict && context.policy.mode === 'quorum') ? { kind: 'placeholder' } : { kind: 'no-wait' };
}

export async function putInForce(context: JobContext, set: MemberSet, signal: AbortSignal): Promise<Outcome> {
  const { situation } = context;
  situation.inForce = { kind: 'unproven' };
  generation += 1;
  const target = settingFor(context, set, false);
  const steps: readonly (() => Promise<Outcome>)[] =
    target.kind === 'any'
      ? [
          // Priorities under ANY say nothing about k: FIRST makes the new value visible in every walsender.
          put(context, { kind: 'first', set, generation }, signal),
          put(context, target, signal),
        ]
      : [put(context, target, signal)];
  const outcome = await inOrder(...steps);
  if (outcome.kind === 'failed') return outcome;
  await context.look();
  const { state } = situation.server;
  situation.inForce = {
    kind: 'proven',
    set,
    waiting: target.kind !== 'no-wait',
    provenAtLsn: state.kind === 'running' ? state.facts.flushedLsn : null,
  };
  return outcome;
}

function put(context: JobContext, setting: SyncSetting, signal: AbortSignal): () => Promise<Outcome> {
  return async () =>
    inOrder(
      async () => context.postgres.writeSync(setting, signal),
      async () => context.postgres.proveSync(setting, PROOF_DEADLINE_MS, signal),
    );
}

/** On a standby: between two real values the placeholder, so that no backend can ever have seen a looser mixture (P7.6). */
export async function rest(context: JobContext, set: MemberSet, signal: AbortSignal): Promise<Outcome> {
  const { situation } = context;
  if (situation.resting !== null && sameSet(situation.resting, set)) return { kind: 'done' };
  const hadOne = situation.resting !== null;
  situation.resting = null;
  const target = settingFor(context, set, true);
  const outcome = await inOrder(...(hadOne ? [put(context, { kind: 'placeholder' }, signal)] : []), put(context, target, signal));
  if (outcome.kind === 'done' && set.k > 0) situation.resting = set;
  return outcome;
}
