/**
 * Writing small files so that they are there, whole, or not at all: beside, synced where they must outlive a loss of power, renamed. Files for
 * PostgreSQL belong to the user it runs as.
 */
import { constants } from 'node:fs';
import { chown, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '../../shared/errors.ts';
import type { OsUser } from '../guard/os-user.ts';

const STICKY = 0o1000;
const STAGED_SUFFIX = '.new';

let lastSuffix = 0;

export async function writeDurably(path: string, text: string, owner: OsUser | null, mode = 0o600): Promise<void> {
  const staged = await stage(path, text, { owner, mode, durable: true });
  await staged.place();
  await syncDirectory(dirname(path));
}

/** A file that lies ready beside its place. `place` and `discard` exclude each other. */
export type Staged = { readonly place: () => Promise<void>; readonly discard: () => Promise<void> };

/**
 * Whole or not at all for every process that runs now; after a loss of power the former text may be there again, or none. For files that are written
 * anew before anybody reads them after that: a sync in the way of a failover, twice, costs more than everything else on a slow disk.
 */
export async function stageWhole(path: string, text: string, owner: OsUser | null): Promise<Staged> {
  return stage(path, text, { owner, mode: 0o600, durable: false });
}

export async function writeWhole(path: string, text: string, owner: OsUser | null): Promise<void> {
  const staged = await stageWhole(path, text, owner);
  await staged.place();
}

/** What an agent that was killed had laid ready. Only before this process lays anything there itself. */
export async function removeStaged(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name.endsWith(STAGED_SUFFIX)) await rm(join(directory, name), { force: true });
}

/** Empties a file in place: it keeps its owner, and whoever opens it meanwhile reads the whole of it or nothing. Nothing to do when it is gone. */
export async function emptyIfThere(path: string): Promise<void> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_TRUNC);
    await file.close();
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

async function stage(
  path: string,
  text: string,
  { owner, mode, durable }: { readonly owner: OsUser | null; readonly mode: number; readonly durable: boolean },
): Promise<Staged> {
  lastSuffix += 1;
  const beside = `${path}.${String(process.pid)}-${String(lastSuffix)}${STAGED_SUFFIX}`;
  // On a full disk every attempt would leave one more file behind.
  const discard = (): Promise<void> => rm(beside, { force: true }).catch(() => undefined);
  const orDiscard = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      await discard();
      throw error;
    }
  };
  await orDiscard(async () => {
    const file = await open(beside, 'w', mode);
    try {
      await file.writeFile(text);
      if (owner !== null) await file.chown(owner.uid, owner.gid);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
  });
  return { place: () => orDiscard(() => rename(beside, path)), discard };
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** PostgreSQL's user must be able to write there, whoever made it first. A directory for everybody (sticky, like /tmp) stays as it is. */
export async function makeDirectory(path: string, owner: OsUser | null, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  if (owner === null) return;
  const found = await stat(path);
  if (found.uid !== owner.uid && (found.mode & STICKY) === 0) await chown(path, owner.uid, owner.gid);
}

/** Null when there is no such file. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
