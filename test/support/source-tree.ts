/**
 * Reads the project's own sources: which files there are and what they import. For the house-rule tests; it judges nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export type ImportKind = 'type' | 'value' | 'dynamic';
/** `target` is a path inside the project for relative imports, else the package as written. */
export type Import = { readonly kind: ImportKind; readonly target: string };
export type SourceFile = { readonly path: string; readonly text: string; readonly imports: readonly Import[] };

export const SOURCE_FOLDERS: readonly string[] = ['agent', 'proxy', 'shared', 'cli', 'chaos', 'bench'];

export function readSources(root: string, folders: readonly string[] = SOURCE_FOLDERS): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs)$/.test(name))
      .map((name) => join(folder, name))
      .sort((a, b) => a.localeCompare(b))
      .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8'))),
  );
}

export function parseSource(path: string, text: string): SourceFile {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const fixed = [...code.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)].map((match): Import => ({
    kind: match[1] === undefined ? 'value' : 'type',
    target: resolveTarget(path, match[2] ?? ''),
  }));
  const dynamic = [...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)].map((match): Import => ({
    kind: 'dynamic',
    target: resolveTarget(path, match[1] ?? ''),
  }));
  return { path, text, imports: [...fixed, ...dynamic] };
}

function resolveTarget(path: string, specifier: string): string {
  return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier;
}
