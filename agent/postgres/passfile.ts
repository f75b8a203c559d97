/**
 * The gate of replication (PROTOCOL P4): one passfile path per epoch, its one line bound to the holder's host and port. Taking the line away
 * keeps out a receiver that is still connecting and a startup process that has not read the reload yet. Other password files for tools live
 * here too. Secrets go into these files and nowhere else.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../shared/errors.ts';
import type { OsUser } from '../guard/os-user.ts';
import { emptyIfThere, writeWhole } from './files.ts';
import type { Follow } from './port.ts';

const EPOCH_PASSFILE = /^pass-e\d+$/;

export type PassEntry = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
};

export function epochPassfile(runDir: string, follow: Follow): string {
  return join(runDir, `pass-e${follow.epoch.toString()}`);
}

export function renderPassfile(entries: readonly PassEntry[]): string {
  return entries
    .map(({ host, port, database, user, password }) => `${[host, String(port), database, user, password].map(escape).join(':')}\n`)
    .join('');
}

export async function writePassfile(path: string, entries: readonly PassEntry[], owner: OsUser | null): Promise<void> {
  await writeWhole(path, renderPassfile(entries), owner);
}

/** Empties every epoch's passfile but one. Emptied, not removed: libpq may be about to open it. */
export async function emptyPassfiles(runDir: string, except: string | null): Promise<void> {
  const paths = await epochPassfiles(runDir);
  await Promise.all(paths.filter((path) => path !== except).map(emptyIfThere));
}

/** Removes passfiles of former epochs; none of them is named by a setting any more. */
export async function removeOtherPassfiles(runDir: string, keep: string): Promise<void> {
  for (const path of await epochPassfiles(runDir)) if (path !== keep) await rm(path, { force: true });
}

async function epochPassfiles(runDir: string): Promise<readonly string[]> {
  try {
    return (await readdir(runDir)).filter((name) => EPOCH_PASSFILE.test(name)).map((name) => join(runDir, name));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function escape(field: string): string {
  return field.replaceAll('\\', '\\\\').replaceAll(':', '\\:');
}
