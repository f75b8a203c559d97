/** Puts a bug into a source text. Pure. It must never guess: a site that is not there exactly once means that the mutant no longer says what it did. */
import type { Site } from './mutant.ts';

/** Throws RangeError when a site is missing or ambiguous. */
export function mutate(text: string, sites: readonly Pick<Site, 'file' | 'original' | 'mutated'>[]): string {
  return sites.reduce((mutated, { file, original, mutated: replacement }) => {
    const pieces = mutated.split(original);
    if (pieces.length !== 2) throw new RangeError(`${file}: found ${String(pieces.length - 1)} times instead of once: ${original}`);
    return pieces.join(replacement);
  }, text);
}
