/**
 * The child of the disk probe: writes a few bytes on the disk of the data directory and syncs them, once for every message. Its system calls hang when the
 * disk does, and only its own. It touches nothing but its one file.
 */
import { closeSync, fdatasyncSync, openSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILE = '.pgbaton-disk-probe';
/** A base backup reads whatever lies in a data directory, and it may run as another user. */
const READABLE = 0o644;

/** Beside the data directory, unless a file system of its own is mounted there: then only inside it asks the right disk. */
function placeOnTheDiskOf(dataDir: string): string {
  const parent = dirname(dataDir);
  return statSync(parent).dev === statSync(dataDir).dev ? parent : dataDir;
}

function write(dataDir: string): boolean {
  try {
    // Opened anew each time: a file that was kept open would go on answering for a disk that is no longer mounted there.
    const file = openSync(join(placeOnTheDiskOf(dataDir), FILE), 'w', READABLE);
    try {
      // Something has to be written: syncing a clean file asks the disk for nothing.
      writeSync(file, `${String(process.hrtime.bigint())}\n`, 0);
      fdatasyncSync(file);
      return true;
    } finally {
      closeSync(file);
    }
  } catch {
    // Full, gone or broken: whatever it is, PostgreSQL cannot write there either.
    return false;
  }
}

process.on('message', (dataDir: string) => {
  process.send?.(write(dataDir));
});
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => undefined);
