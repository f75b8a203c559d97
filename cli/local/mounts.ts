/**
 * File systems that somebody mounted inside a local cluster's directory, for example a disk that fills. A frozen one holds processes that no
 * signal ends, and a mounted one cannot be removed; so `local down` thaws them and `--purge` unmounts them. It never looks outside the directory.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { sep } from 'node:path';

const COMMAND_MS = 10_000;

/** Deepest first, the order in which they can be taken away. */
export function mountsBelow(dir: string): readonly string[] {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'), dir);
}

/** Pure. */
export function parseMounts(mountInfo: string, dir: string): readonly string[] {
  return mountInfo
    .split('\n')
    .map((line) => unescapePath(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(dir + sep))
    .toSorted((a, b) => b.length - a.length);
}

export function thawMounts(dir: string): void {
  for (const path of mountsBelow(dir)) {
    try {
      execFileSync('fsfreeze', ['--unfreeze', path], { stdio: 'ignore', timeout: COMMAND_MS });
    } catch {
      // It is not frozen, or of a kind that cannot be: both are what is wanted.
      continue;
    }
  }
}

export function unmountAll(dir: string): void {
  for (const path of mountsBelow(dir)) execFileSync('umount', ['-l', path], { stdio: ['ignore', 'ignore', 'pipe'], timeout: COMMAND_MS });
}

/** The kernel writes a blank as `\040`. */
function unescapePath(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
