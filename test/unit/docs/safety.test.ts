/** docs/SAFETY.md names for every invariant where it is enforced, who judges it and which tests show it; here it is held to its word, both ways. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const INVARIANTS = Array.from({ length: 15 }, (_, at) => `I${String(at + 1)}`);
const SELF = 'test/unit/docs/safety.test.ts';

type Row = { readonly enforced: readonly string[]; readonly judged: readonly string[]; readonly tests: readonly string[] };

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function pathsIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+\.ts)`/g)].map(([, path]) => path ?? '');
}

function rows(): ReadonlyMap<string, Row> {
  const table = new Map<string, Row>();
  for (const line of read('docs/SAFETY.md').split('\n')) {
    const [, name = '', , enforced = '', judged = '', tests = ''] = line.split('|').map((cell) => cell.trim());
    if (/^I\d+$/.test(name)) table.set(name, { enforced: pathsIn(enforced), judged: pathsIn(judged), tests: pathsIn(tests) });
  }
  return table;
}

/** Invariants in the titles of a test file: `(I5, I12)` at the end, or `I5: …` in front. */
function namedIn(path: string): readonly string[] {
  const titles = [...read(path).matchAll(/^\s*(?:it|test|describe)(?:\.each\(.*\))?\(\s*['"`](.*)['"`],/gm)].map(
    ([, title]) => title ?? '',
  );
  return titles.flatMap((title) => [...title.matchAll(/\bI\d+\b/g)].map(([name]) => name));
}

function testFiles(dir = 'test'): readonly string[] {
  return readdirSync(join(ROOT, dir)).flatMap((name) => {
    const path = `${dir}/${name}`;
    if (statSync(join(ROOT, path)).isDirectory()) return testFiles(path);
    return path.endsWith('.test.ts') && path !== SELF ? [path] : [];
  });
}

describe('the table of invariants', () => {
  const table = rows();

  it('has every invariant of PROTOCOL P11 once, with everything that a row needs', () => {
    expect([...table.keys()]).toEqual(INVARIANTS);
    for (const [name, row] of table) {
      expect(read('docs/PROTOCOL.md'), name).toMatch(new RegExp(`\\b${name}\\b`));
      expect(row.enforced.length, name).toBeGreaterThan(0);
      expect(row.tests.length, name).toBeGreaterThan(0);
    }
  });

  it.each(INVARIANTS)('%s: what is named exists, is judged, and is tested where it says', (name) => {
    const row = table.get(name);
    if (row === undefined) throw new Error(`${name} has no row`);
    for (const path of row.enforced) expect(read(path).length, path).toBeGreaterThan(0);
    expect(row.judged.length).toBe(1);
    for (const path of row.judged) expect(read(path), path).toMatch(new RegExp(`Violation\\(\\s*'${name}'`));
    for (const path of row.tests) expect(namedIn(path), path).toContain(name);
  });

  it('leaves out no test that names an invariant', () => {
    const missing = testFiles().flatMap((path) =>
      namedIn(path)
        .filter((name) => table.get(name)?.tests.includes(path) !== true)
        .map((name) => `${path} names ${name}`),
    );
    expect(missing).toEqual([]);
  });
});
