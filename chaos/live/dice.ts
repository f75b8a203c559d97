/**
 * Chance that can be repeated: every number comes from the seed and from what it is for. Each scenario and each trial throws dice of its own, so
 * that one more throw in one place does not change what happens in another. Not for secrets.
 */
import { createHash } from 'node:crypto';
import { assert } from '../../shared/assert.ts';
import type { Random } from '../../shared/runtime/random.ts';

/** Chris Doty-Humphrey's small fast counting generator, 32 bits, seeded from a hash of the text. */
export function diceFor(seed: string, ...purpose: readonly (string | number)[]): Random {
  const hash = createHash('sha256')
    .update([seed, ...purpose].join('/'))
    .digest();
  let a = hash.readUInt32LE(0);
  let b = hash.readUInt32LE(4);
  let c = hash.readUInt32LE(8);
  let counter = 1;
  return () => {
    const mixed = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + mixed) | 0;
    return (mixed >>> 0) / 4_294_967_296;
  };
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const chosen = from[Math.floor(random() * from.length)];
  assert(chosen !== undefined, 'there is something to choose from');
  return chosen;
}

/** A whole number of milliseconds in [least, most]. */
export function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}
