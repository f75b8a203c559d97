/** The known bugs still say what they did: each of their sites stands in the code exactly once. Whether they are found takes minutes: `npm run sim:mutants`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutate } from '../../../../chaos/sim/mutants/mutate.ts';
import { MUTANTS } from '../../../../chaos/sim/mutants/mutants.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..', '..');

describe('a mutant', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s changes the code of today', (_name, mutant) => {
    for (const file of new Set(mutant.sites.map((site) => site.file))) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(
        mutate(
          text,
          mutant.sites.filter((site) => site.file === file),
        ),
      ).not.toBe(text);
    }
  });

  it('has a name of its own, and there are at least thirty', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
  });

  it('is refused when its site is missing or ambiguous', () => {
    const site = { file: 'x.ts', original: 'a', mutated: 'b' };
    expect(() => mutate('xyz', [site])).toThrow(RangeError);
    expect(() => mutate('aa', [site])).toThrow(RangeError);
    expect(mutate('xay', [site])).toBe('xby');
  });
});
