/**
 * The arrows between the layers as a function of one import: undefined when it is allowed, else the sentence that says why not. The same
 * rules stand in .oxlintrc.json for the editor; here they are complete (type-only imports, the exact files a verb may load).
 */
import type { Import } from './source-tree.ts';

const PROGRAMS = ['agent', 'proxy', 'cli', 'chaos', 'bench'];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  agent: ['shared'],
  proxy: ['shared'],
  cli: ['shared'],
  chaos: ['shared', 'agent', 'proxy', 'cli'],
  bench: ['shared', 'cli', 'chaos'],
};
/** Started as programs by a verb, never used as libraries. */
const ENTRY_FILES = [
  'agent/main.ts',
  'agent/guard/main.ts',
  'agent/node-file/writer.ts',
  'proxy/main.ts',
  'proxy/workers/supervisor.ts',
  'chaos/live/main.ts',
];
const STARTERS = /^cli\/(main|verbs\/run-[a-z-]+)\.ts$/;
/** Types a core may share with the doors around it: what it is told and what it asks for. */
const PORTS = /\/(port|protocol)\.ts$/;
/** The machine runs the decisions; they know nothing of it. */
const BELOW: Readonly<Record<string, readonly string[]>> = { 'agent/machine/': ['agent/core/'] };
/** Decodes values without reaching outside. */
const PURE_PACKAGES = ['zod'];

export function forbiddenImport(path: string, imported: Import): string | undefined {
  const inProject = /\.(ts|mjs|js)$/.test(imported.target) && imported.target.includes('/');
  const from = layerOf(path);
  const to = inProject ? layerOf(imported.target) : undefined;
  if (isCore(path)) return forbiddenInCore(path, imported, to);
  if (to === undefined || to === from || MAY_IMPORT[from]?.includes(to) === true) return undefined;
  if (STARTERS.test(path) && imported.kind === 'dynamic' && ENTRY_FILES.includes(imported.target)) return undefined;
  return `${path} imports ${imported.target}: ${from} may import ${['itself', ...(MAY_IMPORT[from] ?? [])].join(', ')}`;
}

function forbiddenInCore(path: string, { kind, target }: Import, to: string | undefined): string | undefined {
  const own = `${path.split('/').slice(0, 2).join('/')}/`;
  if (target.startsWith(own) || BELOW[own]?.some((folder) => target.startsWith(folder)) === true) return undefined;
  if (target.startsWith('shared/domain/') || target === 'shared/assert.ts') return undefined;
  if (to === layerOf(path) && kind === 'type' && PORTS.test(target)) return undefined;
  if (PURE_PACKAGES.includes(target)) return undefined;
  return `${path} imports ${target}: a core knows itself, shared/domain and shared/assert, and the types of its ports`;
}

export function isCore(path: string): boolean {
  return path.startsWith('shared/domain/') || /^(agent\/(core|machine)|proxy\/core)\//.test(path);
}

function layerOf(path: string): string {
  const top = path.split('/')[0] ?? '';
  return top === 'shared' || PROGRAMS.includes(top) ? top : `outside (${top})`;
}
