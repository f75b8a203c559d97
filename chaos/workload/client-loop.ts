/**
 * A client that does one thing after the other in one session, and makes a new session when that one breaks. It never repeats what it did: what to do
 * next is asked anew each time.
 */
import { sleep } from '../../shared/runtime/deadline.ts';
import { closeSession, openSession, type Session } from '../ledger/session.ts';
import type { Endings } from '../ledger/writer.ts';

export type ClientOptions = {
  readonly connectionString: string;
  readonly name: string;
  /** A connection attempt or a transaction that takes longer is given up. */
  readonly patienceMs: number;
  /** Pause between two transactions, and before a new session. */
  readonly paceMs: number;
  readonly retryMs: number;
};

/** `act` says whether the session can be used on. */
export async function runClient(
  { paceMs, retryMs, ...options }: ClientOptions,
  act: (session: Session, abandon: AbortSignal) => Promise<boolean>,
  { stop, abandon }: Endings,
): Promise<void> {
  while (!stop.aborted) {
    const opening = await openSession({ ...options, isQuiet: true }, abandon);
    if (opening.kind === 'open') {
      while (!stop.aborted && (await act(opening.session, abandon))) await sleep(paceMs, stop);
      await closeSession(opening.session);
    }
    await sleep(retryMs, stop);
  }
}
