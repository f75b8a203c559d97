/**
 * The flat list of everything that can be configured, derived from a schema: paths, types, defaults, texts, environment names. The loader,
 * the JSON Schema and docs/CONFIG.md all come from it, so they cannot contradict each other. It reads no file and no environment.
 */
import { z } from 'zod';
import { isRecord } from './plain-value.ts';

export type OptionType = 'string' | 'number' | 'integer' | 'boolean' | 'list' | 'map';

export type ConfigOption = {
  readonly path: readonly string[];
  readonly type: OptionType;
  readonly required: boolean;
  /** JSON text of the default; null when there is none. */
  readonly defaultText: string | null;
  /** Empty when any value of the type will do. */
  readonly choices: readonly string[];
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly description: string;
  /** Null for paths of secrets, which have names of their own. */
  readonly envName: string | null;
};

export const ENV_PREFIX = 'PGBATON_';
const SECRET_PATHS = new Set(['etcd.passwordFile']);

export function jsonSchemaOf(schema: z.ZodType, title: string): Record<string, unknown> {
  const generated: unknown = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => dropNoise(jsonSchema),
  });
  return { title, ...(isRecord(generated) ? generated : {}) };
}

export function optionsOf(schema: z.ZodType): readonly ConfigOption[] {
  return collect(jsonSchemaOf(schema, ''), [], true);
}

/** `postgres.dataDir` → `PGBATON_POSTGRES_DATA_DIR`. */
export function envNameOf(path: readonly string[]): string {
  return ENV_PREFIX + path.map(upperSnake).join('_');
}

export function upperSnake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}

function collect(node: Record<string, unknown>, path: readonly string[], required: boolean): readonly ConfigOption[] {
  const properties = node['properties'];
  if (!isRecord(properties)) return [toOption(node, path, required)];
  const needed = Array.isArray(node['required']) ? node['required'] : [];
  return Object.entries(properties).flatMap(([key, child]) =>
    isRecord(child) ? collect(child, [...path, key], needed.includes(key)) : [],
  );
}

function toOption(node: Record<string, unknown>, path: readonly string[], required: boolean): ConfigOption {
  const isSecretPath = path[0] === 'secrets' || SECRET_PATHS.has(path.join('.'));
  return {
    path,
    type: typeOf(node['type']),
    required,
    defaultText: 'default' in node ? JSON.stringify(node['default']) : null,
    choices: Array.isArray(node['enum']) ? node['enum'].map(String) : [],
    minimum: numberOrNull(node['minimum']),
    maximum: numberOrNull(node['maximum']),
    description: typeof node['description'] === 'string' ? node['description'] : '',
    envName: isSecretPath ? null : envNameOf(path),
  };
}

function typeOf(type: unknown): OptionType {
  if (type === 'array') return 'list';
  if (type === 'object') return 'map';
  return type === 'number' || type === 'integer' || type === 'boolean' ? type : 'string';
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** Bounds that only say "a JavaScript integer", and defaults of whole sections, tell an editor's user nothing. */
function dropNoise(node: z.core.JSONSchema.BaseSchema): void {
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum;
  if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum;
  if (node.properties !== undefined) delete node.default;
}
