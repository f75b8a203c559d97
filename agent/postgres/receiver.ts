/**
 * The WAL receiver as a process. pg_stat_wal_receiver has no row while a receiver is connecting, so "no receiver" is read from the list of the
 * postmaster's children (PROTOCOL P4.2).
 */
import { childrenOf, commandLine, send } from '../guard/process-tree.ts';

/** Children that are WAL receivers, or so young that they have no title yet and may become one. */
export function receiversOf(postmasterPid: number): readonly number[] {
  return childrenOf(postmasterPid).filter((pid) => {
    const title = commandLine(pid);
    // Null or empty: it ended while we looked.
    if (title === null || title === '') return false;
    return !title.startsWith('postgres: ') || /: walreceiver\b/.test(title);
  });
}

/** SIGTERM by pid: pg_terminate_backend does nothing to a receiver, and SIGKILL would restart the whole server. */
export function terminateReceivers(postmasterPid: number): number {
  const receivers = receiversOf(postmasterPid).filter((pid) => (commandLine(pid) ?? '').startsWith('postgres: '));
  for (const pid of receivers) send(pid, 'SIGTERM');
  return receivers.length;
}
