/**
 * House rules as tests: the arrows between layers, purity of the cores, names, opening comments. Each rule is shown to fail on a planted
 * violation, because a check that looks at nothing passes too.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forbiddenImport, isCore } from '../support/layer-rules.ts';
import { parseSource, readSources } from '../support/source-tree.ts';
import type { SourceFile } from '../support/source-tree.ts';

const root = join(import.meta.dirname, '..', '..');
const sources = readSources(root);
/** Test files say what they claim in their test names; what they share needs an opening like any other file. */
const documented = [...sources, ...readSources(root, ['scripts', 'test/support'])];
const everything = [...sources, ...readSources(root, ['test', 'scripts'])];

function brokenArrows(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) =>
    file.imports.map((imported) => forbiddenImport(file.path, imported)).filter((fault) => fault !== undefined),
  );
}

function withoutOpeningComment(files: readonly SourceFile[]): readonly string[] {
  return files.filter((file) => !/^(#!.*\n)?\s*\/[/*]/.test(file.text)).map((file) => file.path);
}

function vagueNames(files: readonly SourceFile[]): readonly string[] {
  return files.map((file) => file.path).filter((path) => /(^|\/)(utils?|helpers?|common|misc|index)\.(ts|mjs)$/.test(path));
}

/** Not spelled out, so that this file does not find itself. */
const MARKER = new RegExp(`\\b(${['TO', 'FIX'].map((half, at) => half + ['DO', 'ME'][at]).join('|')})\\b`);

function leftMarkers(files: readonly SourceFile[]): readonly string[] {
  return files.filter((file) => MARKER.test(file.text)).map((file) => file.path);
}

/** Time and dice that lint could miss when they come in under another name. */
function impureCores(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter((file) => isCore(file.path) && /\b(Date\.now|new Date\b|performance\.now|Math\.random|setTimeout|process\.)/.test(file.text))
    .map((file) => file.path);
}

describe('the tree', () => {
  it('is really read: every layer has files, and imports are found in them', () => {
    for (const layer of [
      'agent/',
      'agent/core/',
      'agent/machine/',
      'proxy/',
      'proxy/core/',
      'shared/',
      'shared/domain/',
      'cli/',
      'chaos/',
      'bench/',
    ]) {
      expect(sources.filter((file) => file.path.startsWith(layer)).length, layer).toBeGreaterThan(0);
    }
    expect(sources.flatMap((file) => file.imports).length).toBeGreaterThan(100);
    expect(everything.length).toBeGreaterThan(sources.length);
  });

  it('keeps the arrows between the layers', () => {
    expect(brokenArrows(sources)).toEqual([]);
  });

  it('has no clock, dice or process in a core', () => {
    expect(impureCores(sources)).toEqual([]);
  });

  it('opens every file with a comment that says what it is for', () => {
    expect(withoutOpeningComment(documented)).toEqual([]);
  });

  it('has no file whose name says nothing', () => {
    expect(vagueNames(everything)).toEqual([]);
  });

  it('leaves no marker of unfinished work', () => {
    expect(leftMarkers(everything)).toEqual([]);
  });
});

describe('the rules find what they are for', () => {
  const broken: readonly (readonly [path: string, text: string])[] = [
    ['agent/loop/a.ts', "import { b } from '../../proxy/b.ts';"],
    ['agent/a.ts', "import type { B } from '../cli/b.ts';"],
    ['agent/a.ts', "import { b } from '../chaos/b.ts';"],
    ['proxy/a.ts', "export { b } from '../agent/b.ts';"],
    ['proxy/a.ts', "import '../agent/b.ts';"],
    ['proxy/a.ts', "import { b } from '../bench/b.ts';"],
    ['bench/a.ts', "import { b } from '../proxy/b.ts';"],
    ['cli/verbs/a.ts', "import { b } from '../../agent/b.ts';"],
    ['cli/verbs/a.ts', "await import('../../agent/main.ts');"],
    ['cli/verbs/run-agent.ts', "import { b } from '../../agent/main.ts';"],
    ['cli/verbs/run-chaos.ts', "import type { B } from '../../chaos/live/main.ts';"],
    ['cli/verbs/run-chaos.ts', "await import('../../chaos/live/run.ts');"],
    ['cli/verbs/run-agent.ts', "await import('../../agent/loop/loop.ts');"],
    ['shared/dcs/a.ts', "import type { B } from '../../agent/b.ts';"],
    ['shared/a.ts', "import { b } from '../test/b.ts';"],
    ['agent/core/a.ts', "import { readFileSync } from 'node:fs';"],
    ['agent/core/a.ts', "import { b } from 'pg';"],
    ['agent/core/a.ts', "import type { B } from '../../shared/dcs/dcs.ts';"],
    ['agent/core/a.ts', "import { b } from '../postgres/port.ts';"],
    ['agent/core/a.ts', "import type { B } from '../loop/loop.ts';"],
    ['agent/core/a.ts', "import type { B } from '../machine/machine.ts';"],
    ['agent/machine/a.ts', "import { b } from '../loop/loop.ts';"],
    ['agent/machine/a.ts', "import { b } from 'node:fs';"],
    ['proxy/core/a.ts', "import {\n  a,\n  b,\n} from '../relay.ts';"],
    ['shared/domain/a.ts', "import { b } from '../errors.ts';"],
  ];
  it.each(broken)('%s may not say %j', (path, text) => {
    expect(brokenArrows([parseSource(path, text)])).toHaveLength(1);
  });

  const sound: readonly (readonly [path: string, text: string])[] = [
    ['agent/loop/a.ts', "import { b } from '../../shared/b.ts';\nimport pg from 'pg';\nimport { c } from 'node:fs';"],
    [
      'agent/core/a.ts',
      "import { b } from './b.ts';\nimport type { C } from '../postgres/port.ts';\nimport { d } from '../../shared/domain/lsn.ts';",
    ],
    ['cli/verbs/run-agent.ts', "await import('../../agent/main.ts');"],
    ['cli/verbs/run-chaos.ts', "await import('../../chaos/live/main.ts');"],
    ['chaos/a.ts', "import { b } from '../agent/b.ts';"],
    ['bench/a.ts', "import { b } from '../cli/local/b.ts';"],
    ['agent/a.ts', "// import { b } from '../proxy/b.ts';"],
  ];
  it.each(sound)('%s may say %j', (path, text) => {
    expect(brokenArrows([parseSource(path, text)])).toEqual([]);
  });

  it('a clock in a core, a silent file, an empty name and a marker are all found', () => {
    const bad = parseSource('agent/core/utils.ts', `export const now = () => Date.now(); // TO${'DO'} later`);
    expect([impureCores([bad]), withoutOpeningComment([bad]), vagueNames([bad]), leftMarkers([bad])]).toEqual(
      Array.from({ length: 4 }, () => ['agent/core/utils.ts']),
    );
  });
});

describe('the linter', () => {
  it('stops on each planted defect', { timeout: 60_000 }, () => {
    const planted: Readonly<Record<string, readonly [rule: string, text: string]>> = {
      'agent/floating.ts': ['no-floating-promises', 'export function a(): void {\n  Promise.resolve(1);\n}\n'],
      'agent/misused.ts': [
        'no-misused-promises',
        'export function a(b: number[]): void {\n  b.forEach(async () => {\n    await Promise.resolve();\n  });\n}\n',
      ],
      'agent/thenable.ts': ['await-thenable', 'export async function a(): Promise<void> {\n  await 1;\n}\n'],
      'agent/switch.ts': [
        'switch-exhaustiveness-check',
        "export function a(b: 'x' | 'y'): number {\n  switch (b) {\n    case 'x':\n      return 1;\n  }\n  return 2;\n}\n",
      ],
      'agent/throw.ts': ['only-throw-error', "export function a(): never {\n  throw 'no';\n}\n"],
      'agent/any.ts': ['no-explicit-any', 'export const a: any = 1;\n'],
      'agent/bang.ts': ['no-non-null-assertion', 'export const a = (b: number[]): number => b[0]!;\n'],
      'agent/type-import.ts': [
        'consistent-type-imports',
        "import { SourceFile } from './type-export.ts';\nexport const a: SourceFile = 1;\n",
      ],
      'agent/default.ts': ['no-default-export', 'export default 1;\n'],
      'agent/Bad_Name.ts': ['filename-case', 'export const a = 1;\n'],
      'agent/log.ts': ['no-console', "console.log('a');\n"],
      'agent/long.ts': [
        'max-lines',
        '\nexport const a = 1;'.repeat(1).concat(Array.from({ length: 401 }, (_, i) => `\nexport const b${String(i)} = 1;`).join('')),
      ],
      'agent/long-function.ts': ['max-lines-per-function', `export function a(): void {${'\n  void 0;'.repeat(71)}\n}\n`],
      'agent/cycle-a.ts': ['no-cycle', "import { b } from './cycle-b.ts';\nexport const a = (): number => b();\n"],
      'agent/arrow.ts': ['no-restricted-imports', "import { a } from '../proxy/a.ts';\nexport const b = a;\n"],
      'proxy/arrow.ts': ['no-restricted-imports', "import { a } from '../agent/any.ts';\nexport const b = a;\n"],
      'cli/arrow.ts': ['no-restricted-imports', "import { a } from '../agent/any.ts';\nexport const b = a;\n"],
      'bench/arrow.ts': ['no-restricted-imports', "import { a } from '../proxy/a.ts';\nexport const b = a;\n"],
      'shared/arrow.ts': ['no-restricted-imports', "import { a } from '../agent/any.ts';\nexport const b = a;\n"],
      'agent/core/node.ts': ['no-restricted-imports', "import { join } from 'node:path';\nexport const b = join('a');\n"],
      'agent/core/layer.ts': ['no-restricted-imports', "import { a } from '../../shared/dcs/a.ts';\nexport const b = a;\n"],
      'agent/core/clock.ts': ['no-restricted-globals', 'export const a = (): number => Date.now();\n'],
      'proxy/core/timer.ts': ['no-restricted-globals', 'export const a = (): unknown => setTimeout(() => undefined, 1);\n'],
      'shared/domain/dice.ts': ['no-restricted-properties', 'export const a = (): number => Math.random();\n'],
    };
    const innocent = {
      'agent/type-export.ts': 'export type SourceFile = number;\n',
      'agent/cycle-b.ts': "import { a } from './cycle-a.ts';\nexport const b = (): number => a();\n",
      'proxy/a.ts': 'export const a = 1;\n',
      'shared/dcs/a.ts': 'export const a = 1;\n',
    };
    const found = lint({ ...innocent, ...Object.fromEntries(Object.entries(planted).map(([path, [, text]]) => [path, text])) });
    const missed = Object.entries(planted).filter(([path, [rule]]) => !found.some((fault) => fault.file === path && fault.rule === rule));
    expect(missed.map(([path, [rule]]) => `${path}: ${rule}`)).toEqual([]);
    expect(found.filter((fault) => fault.file === 'proxy/a.ts' || fault.file === 'shared/dcs/a.ts')).toEqual([]);
  });
});

function lint(files: Readonly<Record<string, string>>): readonly { readonly file: string; readonly rule: string }[] {
  const dir = mkdtempSync(join(tmpdir(), 'pgbaton-lint-'));
  try {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) cpSync(join(root, name), join(dir, name));
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(dir, dirname(path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const parsed = JSON.parse(oxlintOutput(dir)) as {
      readonly diagnostics: readonly { readonly filename: string; readonly code: string }[];
    };
    return parsed.diagnostics.map(({ filename, code }) => ({ file: filename, rule: /\(([^)]+)\)/.exec(code)?.[1] ?? code }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** oxlint ends with 1 when it has found something, which is what is hoped for here. */
function oxlintOutput(dir: string): string {
  const args = [
    join(root, 'node_modules', 'oxlint', 'bin', 'oxlint'),
    '--type-aware',
    '--format=json',
    'agent',
    'proxy',
    'cli',
    'bench',
    'shared',
  ];
  try {
    return execFileSync(process.execPath, args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    return (error as { readonly stdout: string }).stdout;
  }
}

describe('the lock file', () => {
  it('names every optional binary of every package, also those of other platforms', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
    };
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([]);
  });

  it('does not tie the project to one registry', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });
});
