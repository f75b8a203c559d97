/** One thing that is wrong with a configuration, and how all of them are told at once. Never contains the value of a secret. */
import { appError } from '../errors.ts';
import type { AppError } from '../errors.ts';
import type { ConfigPath, SourceSpan, YamlSource } from './yaml-source.ts';

export type ConfigFault = {
  readonly kind: 'value' | 'secret' | 'relation';
  readonly path: ConfigPath;
  /** Point at the key (unknown, contradicting) or at its value (wrong). */
  readonly at: 'key' | 'value';
  /** A sentence without a final full stop. */
  readonly message: string;
  readonly suggestion: string | null;
};

/** Where a value came from, when not from the file: dotted path → environment variable. */
export type EnvOrigins = ReadonlyMap<string, string>;

export function valueFault(path: ConfigPath, message: string): ConfigFault {
  return { kind: 'value', path, at: 'value', message, suggestion: null };
}

export function dotted(path: ConfigPath): string {
  return path
    .map((segment) => (typeof segment === 'number' ? `[${String(segment)}]` : `.${segment}`))
    .join('')
    .replace(/^\./, '');
}

/** One error that lists every fault with its place. Its code is the most special one that covers them all. */
export function faultsToError(faults: readonly ConfigFault[], source: YamlSource, origins: EnvOrigins): AppError {
  const texts = inFileOrder(faults, source).map((fault) => renderFault(fault, source, origins));
  const code = faults.every(({ kind }) => kind === 'relation')
    ? 'PGB-1004'
    : faults.every(({ kind }) => kind === 'secret')
      ? 'PGB-1003'
      : 'PGB-1001';
  return appError(code, `${countOf(faults.length)}\n\n${texts.join('\n\n')}\n`);
}

export function syntaxToError(source: YamlSource): AppError {
  const texts = source.syntaxFaults.map(({ span, message }) => `${place(source.file, span)}: ${message}\n${source.frame(span)}`);
  return appError('PGB-1001', `${countOf(texts.length)}\n\n${texts.join('\n\n')}\n`);
}

function renderFault(fault: ConfigFault, source: YamlSource, origins: EnvOrigins): string {
  const hint = fault.suggestion === null ? '' : `; did you mean \`${fault.suggestion}\`?`;
  const variable = originOf(fault.path, origins);
  if (variable !== null) return `environment ${variable}: ${fault.message}${hint}`;
  const span = spanOf(fault, source);
  if (span === null) return `${source.file}:1:1: ${fault.message}${hint}`;
  return `${place(source.file, span)}: ${fault.message}${hint}\n${source.frame(span)}`;
}

function originOf(path: ConfigPath, origins: EnvOrigins): string | null {
  for (let length = path.length; length > 0; length -= 1) {
    const variable = origins.get(dotted(path.slice(0, length)));
    if (variable !== undefined) return variable;
  }
  return null;
}

function spanOf({ at, path }: ConfigFault, source: YamlSource): SourceSpan | null {
  return at === 'key' ? source.spanOfKey(path) : source.spanOfValue(path);
}

function inFileOrder(faults: readonly ConfigFault[], source: YamlSource): readonly ConfigFault[] {
  const lineOf = (fault: ConfigFault): number => spanOf(fault, source)?.line ?? 0;
  return faults.toSorted((first, second) => lineOf(first) - lineOf(second));
}

function place(file: string, { line, column }: SourceSpan): string {
  return `${file}:${String(line)}:${String(column)}`;
}

function countOf(count: number): string {
  return count === 1 ? '1 fault' : `${String(count)} faults`;
}
