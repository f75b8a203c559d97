/** File calls with an end: on a hung disk they never return, and the guard must go on without them. */
import { access } from 'node:fs/promises';
import { systemErrorCode } from '../../shared/errors.ts';

export const DISK_DEADLINE_MS = 1_000;

export async function exists(path: string): Promise<boolean> {
  try {
    await inTime(access(path), `looking for ${path}`);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A call on a hung disk never returns; the guard must go on without it. */
export async function inTime<T>(call: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${String(DISK_DEADLINE_MS)} ms`)), DISK_DEADLINE_MS);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
