/** From a job to its recipe. */
import { unreachable } from '../../../shared/assert.ts';
import { slotName } from '../../../shared/domain/node-id.ts';
import type { Job } from '../../core/actions.ts';
import type { Outcome } from '../../postgres/port.ts';
import { ask, type Bench, type Recipe } from '../recipe.ts';
import { adopt, clone, discard, initialize, leave, rewind } from './directory.ts';
import { promote } from './promote.ts';
import { fetchWal, keepPromise } from './promise.ts';
import { condemn, follow, kill, open, startPrimary, startStandby } from './server.ts';
import { stopForSwitchover } from './switchover.ts';
import { putInForce, rest } from './sync-set.ts';

export function recipeOf(bench: Bench, job: Job): Recipe<Outcome> {
  switch (job.kind) {
    case 'initialize':
      return initialize(bench);
    case 'adopt':
      return adopt(bench);
    case 'discard':
      return discard(bench);
    case 'clone':
      return clone(bench, job);
    case 'rewind':
      return rewind(bench, job);
    case 'start-standby':
      return startStandby(bench, job);
    case 'start-primary':
      return startPrimary(bench, job.record);
    case 'kill':
      return kill(bench);
    case 'condemn':
      return condemn(bench, job.why);
    case 'follow':
      return follow(bench, job.record);
    case 'promise':
      return keepPromise(bench, job.ballot);
    case 'fetch':
      return fetchWal(bench, job);
    case 'promote':
      return promote(bench, job.record);
    case 'put-in-force':
      return putInForce(bench, job.set);
    case 'rest':
      return rest(bench, job.set);
    case 'open':
      return open(bench, job.epoch);
    case 'stop-for-switchover':
      return stopForSwitchover(bench, job.operation);
    case 'leave':
      return leave(bench, job.from);
    case 'slots':
      return ask<'keep-slots'>({ kind: 'keep-slots', slots: job.members.map(slotName) });
    default:
      return unreachable(job);
  }
}
