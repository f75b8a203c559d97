/**
 * Whole directories: made beside, swapped in by rename, removed. A directory is swapped only while no process works in it, and what was there
 * before stays until its successor stands in its place.
 */
import { chmod, chown, mkdir, readdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { appError, systemErrorCode } from '../../shared/errors.ts';
import type { LocalContext } from './context.ts';
import { readIfThere, removeTree, syncDirectory } from './files.ts';

const DATA_DIR_MODE = 0o700;
/** Stands in a directory that was somebody's before it was ours: such a one is never discarded. */
export const ADOPTED_FILE = 'pgbaton.adopted';

export type DirectoryContent = 'absent' | 'empty' | 'postgres' | 'foreign';

export async function contentOf(dataDir: string): Promise<DirectoryContent> {
  try {
    const names = (await readdir(dataDir)).filter((name) => name !== 'lost+found');
    if (names.length === 0) return 'empty';
    return names.includes('PG_VERSION') && names.includes('global') ? 'postgres' : 'foreign';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 'absent';
    throw error;
  }
}

/** An empty `<dataDir>.new` that PostgreSQL's programs may fill. */
export async function prepareNew({ config, osUser }: LocalContext): Promise<string> {
  const path = `${config.dataDir}.new`;
  await removeTree(path);
  await mkdir(path, { recursive: true, mode: DATA_DIR_MODE });
  await chmod(path, DATA_DIR_MODE);
  if (osUser !== null) await chown(path, osUser.uid, osUser.gid);
  return path;
}

export async function swapIn(fresh: string, dataDir: string): Promise<void> {
  const former = `${dataDir}.old`;
  await removeTree(former);
  await syncDirectory(fresh);
  try {
    if ((await contentOf(dataDir)) !== 'absent') await rename(dataDir, former);
    await rename(fresh, dataDir);
  } catch (error) {
    if (systemErrorCode(error) === 'EBUSY')
      throw appError('PGB-1105', `${dataDir} is a mount point and cannot be renamed; use a directory inside the mount`, { cause: error });
    throw error;
  }
  await syncDirectory(dirname(dataDir));
  await removeTree(former);
}

export async function discardDirectory(dataDir: string): Promise<void> {
  if ((await contentOf(dataDir)) === 'absent') return;
  if ((await readIfThere(`${dataDir}/${ADOPTED_FILE}`)) !== null)
    throw appError(
      'PGB-1301',
      `${dataDir} was adopted, not made, by this node: it is not deleted. Move it away to let the node join with a copy`,
    );
  const doomed = `${dataDir}.old`;
  await removeTree(doomed);
  // Renamed first: a half-removed directory under the right name would look like a damaged one.
  await rename(dataDir, doomed);
  await syncDirectory(dirname(dataDir));
  await removeTree(doomed);
}

/** Changes when a server has run in the directory, or when the directory has been replaced. */
export async function fingerprint(dataDir: string): Promise<string> {
  const marks = await Promise.all(
    ['', '/global/pg_control', '/pg_wal'].map(async (path) => {
      const found = await stat(`${dataDir}${path}`).catch(() => null);
      return found === null ? '-' : `${String(found.ino)}:${String(found.mtimeMs)}`;
    }),
  );
  return marks.join(' ');
}
