/**
 * Whom PostgreSQL runs as. It refuses to be root, so an agent that is root names another user; any other agent runs it as itself.
 */
import { execFileSync } from 'node:child_process';
import { appError } from '../../shared/errors.ts';

export type OsUser = { readonly name: string; readonly uid: number; readonly gid: number };

const LOOKUP_DEADLINE_MS = 5_000;

/** Null: no change of user is needed. Asks the system's name service, so that users from a directory are found too. */
export function resolveOsUser(configured: string | null): OsUser | null {
  if (process.getuid?.() !== 0) return null;
  if (configured === null) throw appError('PGB-1103', 'postgres.osUser is not set');
  const user = { name: configured, uid: idOf('-u', configured), gid: idOf('-g', configured) };
  if (user.uid === 0) throw appError('PGB-1103', `the user ${configured} is root itself`);
  return user;
}

function idOf(which: '-u' | '-g', name: string): number {
  try {
    return Number(
      execFileSync('id', [which, name], { encoding: 'utf8', timeout: LOOKUP_DEADLINE_MS, stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
    );
  } catch (error) {
    throw appError('PGB-1103', `there is no user ${name} on this machine`, { cause: error });
  }
}
