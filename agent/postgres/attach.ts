/**
 * Letting a standby stream, and cutting it off (PROTOCOL P4.2). Both are idempotent; a repeated revoke repeats every check. Cutting uses files
 * and signals only, no SQL: it works while connections are exhausted, replay is paused or the server is still starting.
 */
import { appError } from '../../shared/errors.ts';
import { DONE, failed, poll, type LocalServer } from './local-server.ts';
import type { Follow, Outcome } from './port.ts';
import { receiversOf, terminateReceivers } from './receiver.ts';

const RECEIVER_POLL_MS = 2;
const REVOKE_DEADLINE_MS = 2_000;

export async function follow(server: LocalServer, target: Follow, signal: AbortSignal): Promise<Outcome> {
  await server.config.load();
  const attachment = await server.config.admit(target, signal);
  // A promotion that was given up has closed the door; readers of a standby are welcome again.
  await server.config.update((rendered) => ({ ...rendered, follow: attachment, open: true }));
  await server.reload();
  await server.config.forgetOldCredentials(target);
  return DONE;
}

export async function revoke(server: LocalServer, signal: AbortSignal): Promise<Outcome> {
  await server.config.load();
  // The one that runs may end while the files are written; whether another has taken its place is looked at afterwards.
  const running = server.postmasterPid();
  if (running !== null) terminateReceivers(running);
  await Promise.all([server.config.withdrawCredential(), server.config.update((rendered) => ({ ...rendered, follow: null }))]);
  // Without the guard's word the postmaster's pid is unknown, and "no receiver" cannot be seen.
  if (server.guard.status() === null) return failed('PGB-1320', 'no guard is connected');
  const pid = server.postmasterPid();
  if (pid === null) return DONE;
  await server.reload();
  // One more may appear: the startup process had not read the reload yet. A reload alone is ignored while replay is paused or blocked.
  const gone = await poll({ everyMs: RECEIVER_POLL_MS, deadlineMs: REVOKE_DEADLINE_MS, signal }, () => {
    terminateReceivers(pid);
    return receiversOf(pid).length === 0 ? true : null;
  });
  if (gone !== true) throw appError('PGB-1321', 'a WAL receiver does not end; it hangs in the kernel or is stopped');
  return DONE;
}
