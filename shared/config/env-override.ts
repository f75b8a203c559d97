/**
 * Environment variables that replace single values of a file: the path in upper snake case behind `PGBATON_`. Values are taken as the option's
 * type says; what does not fit is left as text for validation to refuse, with the variable's name. No value of a variable is ever printed.
 */

import { dotted } from './config-fault.ts';
import { ENV_PREFIX } from './option-table.ts';
import type { ConfigOption } from './option-table.ts';
import { withValueAt } from './plain-value.ts';
import { editDistance } from './suggest.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export function applyEnv(
  value: unknown,
  options: readonly ConfigOption[],
  env: Env,
): { readonly value: unknown; readonly origins: Map<string, string> } {
  const origins = new Map<string, string>();
  let result = value;
  for (const option of options) {
    if (option.envName === null) continue;
    const text = env[option.envName];
    // An empty variable is how container tools say "unset".
    if (text === undefined || text === '') continue;
    result = withValueAt(result, option.path, parseEnvValue(text, option));
    origins.set(dotted(option.path), option.envName);
  }
  return { value: result, origins };
}

/**
 * Variables that are one slip away from a known name. Others with the prefix are left alone: Kubernetes injects `PGBATON_SERVICE_HOST` and its
 * kin wherever a service has this name, and refusing those would keep an innocent node from starting.
 */
export function misspelledVariables(env: Env, known: readonly string[]): readonly { readonly variable: string; readonly meant: string }[] {
  const names = new Set(known);
  return Object.keys(env).flatMap((variable) => {
    if (!variable.startsWith(ENV_PREFIX) || names.has(variable)) return [];
    const word = variable.slice(ENV_PREFIX.length);
    const limit = word.length < 8 ? 1 : 2;
    const meant = known.find((name) => editDistance(word, name.slice(ENV_PREFIX.length)) <= limit);
    return meant === undefined ? [] : [{ variable, meant }];
  });
}

function parseEnvValue(text: string, option: ConfigOption): unknown {
  switch (option.type) {
    case 'number':
    case 'integer':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'list':
      return text.trimStart().startsWith('[') ? parseJson(text) : text.split(',').map((item) => item.trim());
    case 'map':
      return parseJson(text);
    case 'string':
      return text;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON: the text itself goes on, and validation says what was expected instead.
    return text;
  }
}
