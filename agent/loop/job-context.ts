/** What every job may use, and how a job ends. */
import type { NodeRecord } from '../../shared/domain/leader-record.ts';
import type { Epoch } from '../../shared/domain/epoch.ts';
import { nameOf, slotName, type MemberId } from '../../shared/domain/node-id.ts';
import type { Policy } from '../../shared/domain/policy.ts';
import type { Dcs } from '../../shared/dcs/dcs.ts';
import type { Keys } from '../../shared/dcs/keys.ts';
import type { Logger } from '../../shared/logging/logger.ts';
import type { GuardClient } from '../guard/guard-client.ts';
import type { Follow, Outcome, Postgres } from '../postgres/port.ts';
import type { PeerClient } from '../peer/peer-client.ts';
import type { StoreTracker } from '../store/store-tracker.ts';
import type { FailoverClock } from './failover-clock.ts';
import type { OperationBoard } from './operation-board.ts';
import type { NodeFileKeeper } from './node-file-keeper.ts';
import type { Situation } from './situation.ts';

export type JobContext = {
  readonly policy: Policy;
  readonly postgres: Postgres;
  readonly guard: GuardClient;
  readonly file: NodeFileKeeper;
  readonly store: StoreTracker;
  readonly dcs: Dcs;
  readonly keys: Keys;
  readonly situation: Situation;
  readonly peers: PeerClient;
  readonly clock: FailoverClock;
  readonly operations: OperationBoard;
  readonly log: Logger;
  /** A fresh look at the local server, taken after this call. */
  readonly look: () => Promise<void>;
};

export const DONE: Outcome = { kind: 'done' };

export function failed(code: string, why: string): Outcome {
  return { kind: 'failed', code, why };
}

/** Runs steps in order and stops at the first that fails. */
export async function inOrder(...steps: readonly (() => Promise<Outcome>)[]): Promise<Outcome> {
  for (const step of steps) {
    const outcome = await step();
    if (outcome.kind === 'failed') return outcome;
  }
  return DONE;
}

/** The re-check just before an act that cannot be undone: is this still our record, at this epoch, and have we promised nothing above? */
export function stillOurs(context: JobContext, epoch: Epoch): Outcome {
  const { view } = context.store.facts();
  if (view.kind !== 'present' || view.record.epoch !== epoch || view.record.holder !== context.situation.member())
    return failed('PGB-1405', 'the record has moved on');
  if (context.file.current().promised > epoch) return failed('PGB-1405', 'a higher epoch was promised meanwhile');
  return DONE;
}

export function addressOf(context: JobContext, member: MemberId): NodeRecord | null {
  const node = context.store.facts().nodes.get(nameOf(member));
  return node?.member === member ? node : null;
}

/** How to stream from the record's holder; null while its address is not known. */
export function followOf(context: JobContext, source: MemberId, epoch: Epoch): Follow | null {
  const node = addressOf(context, source);
  return node === null ? null : { epoch, host: node.pgHost, port: node.pgPort, slot: slotName(context.situation.member()) };
}
