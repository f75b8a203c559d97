/**
 * How a job is written down: a generator that yields steps and is resumed with their answers. The same recipe runs on a real PostgreSQL and in
 * the simulator, where the world may end between any two steps. What must happen even when the job is pushed aside stands in `finally`:
 * a job that is given up is ended with `return()`, and its `finally` blocks may still yield steps.
 */
import type { Incarnation, MemberId } from '../../shared/domain/node-id.ts';
import type { NodeRecord } from '../../shared/domain/leader-record.ts';
import { nameOf, slotName } from '../../shared/domain/node-id.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { Follow, Outcome } from '../postgres/port.ts';
import type { AnswerTo, Ask, AskKind, AskOf } from './asks.ts';
import type { FailoverClock } from './failover-clock.ts';
import type { Edit, NodeFileKeeper } from './node-file-keeper.ts';
import type { OperationBoard } from './operation-board.ts';
import type { Outbox } from './outbox.ts';
import type { Situation } from './situation.ts';
import type { StoreView } from './store-view.ts';

export type Step =
  | { readonly kind: 'ask'; readonly ask: Ask }
  /** A look at the local server that begins now. */
  | { readonly kind: 'look' }
  /** Durable when it resumes. */
  | { readonly kind: 'save'; readonly edit: Edit }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Side by side; resumes with both answers when both are there. */
  | { readonly kind: 'both'; readonly first: Step; readonly second: Step };

export type Recipe<Result> = Generator<Step, Result, unknown>;

/** What recipes may use. They read it between steps; whatever it says may have changed after the next one. */
export type Bench = {
  readonly policy: Policy;
  readonly outbox: Outbox;
  readonly store: StoreView;
  readonly file: NodeFileKeeper;
  readonly situation: Situation;
  readonly operations: OperationBoard;
  readonly clock: FailoverClock;
};

export const DONE: Outcome = { kind: 'done' };
export const GIVEN_UP: Outcome = { kind: 'failed', code: 'PGB-1405', why: 'given up for something more urgent' };

export function failed(code: string, why: string): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', code, why };
}

// The runner resumes a recipe with the answer to the step it yielded; these five give that answer its type.

export function* ask<Kind extends AskKind>(body: AskOf<Kind>): Recipe<AnswerTo<Kind>> {
  return (yield { kind: 'ask', ask: body as Ask }) as AnswerTo<Kind>;
}

export function* look(): Recipe<void> {
  yield { kind: 'look' };
}

export function* save(edit: Edit): Recipe<Outcome> {
  return (yield { kind: 'save', edit }) as Outcome;
}

export function* wait(ms: number): Recipe<void> {
  yield { kind: 'wait', ms };
}

export function* both<First, Second>(first: Step, second: Step): Recipe<readonly [First, Second]> {
  return (yield { kind: 'both', first, second }) as readonly [First, Second];
}

/** Runs the parts in order and stops at the first that fails. A check that needs nothing of the world is a part without steps. */
export function* inOrder(...parts: readonly (() => Recipe<Outcome> | Outcome)[]): Recipe<Outcome> {
  for (const part of parts) {
    const begun = part();
    const outcome = 'kind' in begun ? begun : yield* begun;
    if (outcome.kind === 'failed') return outcome;
  }
  return DONE;
}

/** The re-check just before an act that cannot be undone: is this still our record, at this epoch, and have we promised nothing above? */
export function stillOurs({ store, file, situation }: Bench, epoch: Epoch): Outcome {
  const { record } = store;
  if (record === null || record.epoch !== epoch || record.holder !== situation.member) return failed('PGB-1405', 'the record has moved on');
  if (file.current.promised > epoch) return failed('PGB-1405', 'a higher epoch was promised meanwhile');
  return DONE;
}

export function addressOf({ store }: Bench, member: MemberId): NodeRecord | null {
  const node = store.facts().nodes.get(nameOf(member));
  return node?.member === member ? node : null;
}

/** How to stream from a member; null while its address is not known. */
export function followOf(bench: Bench, source: MemberId, epoch: Epoch): Follow | null {
  const node = addressOf(bench, source);
  return node === null ? null : { epoch, host: node.pgHost, port: node.pgPort, slot: slotName(bench.situation.member) };
}

export function* freshIncarnation(): Recipe<Incarnation> {
  return yield* ask<'draw-incarnation'>({ kind: 'draw-incarnation' });
}
