/**
 * The model's own files, which the compiler does not copy to dist: the Promela sources, the recorded numbers, the README. It finds, reads and writes
 * them and knows nothing of what is in them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import type { Recorded } from './judge.ts';

/** Beside this file when it runs from the sources, else the folder of the same name outside dist. */
function findFolder(): string {
  const candidates = [import.meta.dirname, join(import.meta.dirname, '..', '..', '..', 'chaos', 'model')];
  const found = candidates.find((folder) => existsSync(join(folder, 'promela', 'protocol.pml')));
  assert(found !== undefined, 'the Promela sources are in chaos/model/promela of the working copy');
  return found;
}

const folder = findFolder();

export const PROTOCOL_SOURCE = join(folder, 'promela', 'protocol.pml');

export function readPromela(name: string): string {
  return readFileSync(join(folder, 'promela', name), 'utf8');
}

export function readRecorded(): Recorded {
  return JSON.parse(readFileSync(join(folder, 'recorded.json'), 'utf8')) as Recorded;
}

export function writeRecorded(recorded: Recorded): void {
  writeFileSync(join(folder, 'recorded.json'), `${JSON.stringify(recorded, null, 2)}\n`);
}

export function readReadme(): string {
  return readFileSync(join(folder, 'README.md'), 'utf8');
}

export function writeReadme(text: string): void {
  writeFileSync(join(folder, 'README.md'), text);
}
