/** Loads a configuration file without being told whose it is. The error of the kind it looks like is the one that is shown. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { loadNodeConfig, loadProxyConfig } from '../shared/config/load.ts';
import type { NodeConfig } from '../shared/config/node-config.ts';
import type { ProxyConfig } from '../shared/config/proxy-config.ts';

export type LoadedConfig =
  | { readonly kind: 'node'; readonly config: NodeConfig }
  | { readonly kind: 'proxy'; readonly config: ProxyConfig };

const PROXY_KEYS = ['id', 'rwPort', 'roPort', 'holdMs'];

export function loadAnyConfig(file: string, env: Readonly<Record<string, string | undefined>>): LoadedConfig {
  return looksLikeProxy(file) ? { kind: 'proxy', config: loadProxyConfig(file, env) } : { kind: 'node', config: loadNodeConfig(file, env) };
}

function looksLikeProxy(file: string): boolean {
  try {
    const value: unknown = parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null && !('postgres' in value) && PROXY_KEYS.some((key) => key in value);
  } catch {
    // Unreadable or no YAML: the loader says so, with the place.
    return false;
  }
}
