/**
 * The end of an agent that takes its PostgreSQL with it (`onTerm: stop`): a leader hands over first, so that its clients see a planned move and not a
 * failure; then the server is stopped in order, so that it need not recover when it is started again. Each part has its limit: whoever asked kills
 * what is still there after a while, and that must find a server that stops, not one that is being handed over.
 */
import type { Logger } from '../shared/logging/logger.ts';
import { describeError } from '../shared/errors.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { aborted, sleep } from '../shared/runtime/deadline.ts';
import { requestSwitchover, type SwitchoverParts } from './api/request-switchover.ts';
import type { Postgres } from './postgres/port.ts';

type Parts = SwitchoverParts & { readonly log: Logger };

const HAND_OVER_MS = 15_000;
const STOP_MS = 10_000;
const POLL_MS = 20;

type Departure = {
  readonly asked: AbortSignal;
  /** The agent ends for a reason of its own. */
  readonly ended: AbortSignal;
  readonly end: () => void;
};

/** Nothing to do where PostgreSQL stays: then whoever asks ends the agent at once. */
export async function departWhenAsked(parts: Parts, { asked, ended, end }: Departure): Promise<void> {
  if (parts.config.onTerm === 'leave') return;
  await aborted(AbortSignal.any([asked, ended]));
  await handOver(parts, ended);
  end();
}

/** Resolves when another serves, when nobody can, or when it took too long. */
async function handOver(parts: Parts, signal: AbortSignal): Promise<void> {
  const { facts, log } = parts;
  if (!holds(parts)) return;
  let id: string;
  try {
    ({ id } = await requestSwitchover(parts, null));
    log.info({ id }, 'departure.handing-over');
  } catch (error) {
    log.warn({ why: describeError(error).message }, 'departure.nobody-takes-over');
    return;
  }
  const untilMs = monotonicMs() + HAND_OVER_MS;
  while (!signal.aborted && monotonicMs() < untilMs) {
    const { view, operation } = facts().store;
    if (view.kind === 'present' && !holds(parts) && view.record.state.kind === 'serving') return;
    // Until the news of ours has come, an earlier one stands there, and how that one ended is nothing to us.
    if (operation?.id === id && operation.stage === 'aborted') {
      log.warn({ why: operation.why }, 'departure.nobody-takes-over');
      return;
    }
    await sleep(POLL_MS, signal);
  }
}

/** Only when nothing decides any more: a machine that still runs would start the server again. */
export async function stopServer(postgres: Postgres, log: Logger): Promise<void> {
  const outcome = await postgres.stopFast(STOP_MS, AbortSignal.timeout(STOP_MS));
  if (outcome.kind === 'failed') log.warn({ why: outcome.why }, 'departure.not-stopped');
  else log.info('departure.stopped');
}

function holds({ facts }: SwitchoverParts): boolean {
  const { store, self } = facts();
  return store.view.kind === 'present' && store.view.record.holder === self.member;
}
