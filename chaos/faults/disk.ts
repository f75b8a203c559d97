/**
 * Disks that fill and disks that hang. The node's whole directory lies on a small file system of its own, so that nothing else on the machine
 * feels it: a tmpfs that can be filled, or an ext4 image that can be frozen, in which every write then waits, without an error, until it is thawed.
 */
import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mountsBelow } from '../../cli/local/mounts.ts';
import { systemErrorCode } from '../../shared/errors.ts';
import type { Fault } from './fault.ts';
import type { Ground } from './ground.ts';

const run = promisify(execFile);
const COMMAND_MS = 30_000;
const MIB = 1_048_576;
/** Room to come back: pg_rewind copies every segment that the new leader keeps, and a clone is made beside the old directory. */
const TMPFS_ROOM_MIB = 640;
const IMAGE_MIB = 1_024;

export type DiskKind = 'tmpfs' | 'image';

export function isOnOwnDisk({ layout }: Pick<Ground, 'layout'>, node: string): boolean {
  return mountsBelow(layout.dir).includes(layout.nodeDir(node));
}

/** Only while nothing of the node runs. */
export async function moveOntoOwnDisk({ layout }: Pick<Ground, 'layout'>, node: string, kind: DiskKind): Promise<void> {
  const dir = layout.nodeDir(node);
  const kept = `${dir}.kept`;
  renameSync(dir, kept);
  mkdirSync(dir);
  if (kind === 'tmpfs') await mountTmpfs(dir, (await sizeMib(kept)) + TMPFS_ROOM_MIB);
  else await mountImage(join(layout.dir, `${node}.img`), dir);
  await go('cp', ['-a', `${kept}/.`, dir]);
  rmSync(kept, { recursive: true });
}

/** Until the file system says that there is no room. Healing deletes the filler. */
export function fillDisk({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  const filler = join(layout.nodeDir(node), 'filler');
  return {
    name: `fill the disk of ${node}`,
    leaves: 'a wound',
    strike: async () => {
      const bytes = fill(filler);
      return `${(bytes / MIB).toFixed(0)} MiB fill the disk of ${node}`;
    },
    heal: async () => {
      rmSync(filler, { force: true });
    },
  };
}

export function hangDisk({ layout }: Pick<Ground, 'layout'>, node: string): Fault {
  const dir = layout.nodeDir(node);
  let frozen = false;
  return {
    name: `hang the disk of ${node}`,
    leaves: 'a wound',
    strike: async () => {
      frozen = true;
      await go('fsfreeze', ['--freeze', dir]);
      return `every write to the disk of ${node} waits`;
    },
    heal: async () => {
      if (frozen) await go('fsfreeze', ['--unfreeze', dir]);
      frozen = false;
    },
  };
}

function fill(path: string): number {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(64 * 1024);
  let bytes = 0;
  try {
    for (;;) bytes += writeSync(file, block);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOSPC') throw error;
    return bytes;
  } finally {
    closeSync(file);
  }
}

async function mountTmpfs(dir: string, mib: number): Promise<void> {
  await go('mount', ['-t', 'tmpfs', '-o', `size=${String(mib)}m,mode=755`, 'tmpfs', dir]);
}

async function mountImage(image: string, dir: string): Promise<void> {
  closeSync(openSync(image, 'w'));
  truncateSync(image, IMAGE_MIB * MIB);
  await go('mkfs.ext4', ['-q', '-F', image]);
  // The loop device goes away by itself when the file system is unmounted.
  await go('mount', ['-o', 'loop', image, dir]);
}

async function sizeMib(dir: string): Promise<number> {
  return Number((await go('du', ['-sm', dir])).split('\t')[0]);
}

async function go(program: string, args: readonly string[]): Promise<string> {
  const path = [process.env['PATH'], '/usr/sbin', '/sbin'].join(':');
  return (await run(program, args, { timeout: COMMAND_MS, env: { ...process.env, PATH: path } })).stdout;
}
