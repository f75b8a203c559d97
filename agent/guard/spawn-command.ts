/**
 * The command line that turns into the postmaster, keeping one pid all the way: setpriv drops root and asks the kernel to send SIGQUIT when
 * the guard dies, a shell checks that the guard was not dead before that, and exec becomes postgres. Pure.
 */
import type { OsUser } from './os-user.ts';

export type Command = { readonly program: string; readonly args: readonly string[] };

/** A guard that was killed between fork and prctl is missed by the kernel: then the parent is somebody else already. */
const ONLY_UNDER_ITS_GUARD = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"';

/** `user` null: run as whoever the guard is. */
export function postmasterCommand(argv: readonly string[], user: OsUser | null, guardPid: number): Command {
  const drop = user === null ? [] : ['--reuid', user.name, '--regid', String(user.gid), '--init-groups'];
  return {
    program: 'setpriv',
    args: [...drop, '--pdeathsig', 'QUIT', '--', '/bin/sh', '-c', ONLY_UNDER_ITS_GUARD, 'sh', String(guardPid), ...argv],
  };
}
