/**
 * From a path and an environment to a complete configuration, or to one error with every fault in it. Nothing is guessed and nothing is
 * repaired: a node that starts with other values than the operator believes is worse than a node that does not start.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { appError, messageOf } from '../errors.ts';
import { dotted, faultsToError, syntaxToError } from './config-fault.ts';
import type { ConfigFault } from './config-fault.ts';
import { applyEnv, misspelledVariables } from './env-override.ts';
import type { Env } from './env-override.ts';
import { explainIssues } from './explain-issue.ts';
import { NODE_SECRETS, nodeFaults, nodeSchema, toNodeConfig } from './node-config.ts';
import type { NodeConfig, NodeSecrets } from './node-config.ts';
import { optionsOf } from './option-table.ts';
import type { ConfigOption } from './option-table.ts';
import { isRecord, valueAt, withoutNulls } from './plain-value.ts';
import { policyFaults } from './policy-section.ts';
import { PROXY_TLS_FILES, proxyFaults, proxySchema, toProxyConfig } from './proxy-config.ts';
import type { ProxyConfig } from './proxy-config.ts';
import { missingSecret, readSecret } from './secret-source.ts';
import type { SecretSpec } from './secret-source.ts';
import { ETCD_FILES, ETCD_PASSWORD, etcdFaults, etcdSchema } from './sections.ts';
import { YamlSource } from './yaml-source.ts';

const FILE_BYTES_MAX = 262_144;

export function loadNodeConfig(path: string, env: Env): NodeConfig {
  const input = openInput(path, env, nodeSchema);
  const secrets = new SecretReader(input, env);
  const found = {
    superuserPassword: secrets.required(NODE_SECRETS.superuserPassword),
    replicationPassword: secrets.required(NODE_SECRETS.replicationPassword),
    monitorPassword: secrets.required(NODE_SECRETS.monitorPassword),
    rewindPassword: secrets.required(NODE_SECRETS.rewindPassword),
    peerToken: secrets.required(NODE_SECRETS.peerToken),
  } satisfies NodeSecrets;
  const etcdPassword = secrets.optional(ETCD_PASSWORD);
  const parsed = nodeSchema.safeParse(input.raw);
  refuse(input, [
    ...variableFaults(input, env),
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, input.raw, input.options)),
    ...secrets.faults,
    ...etcdSectionFaults(input, etcdPassword !== null),
    ...policyFaults(valueAt(input.raw, ['policy'])),
    ...nodeFaults(readableSections(nodeSchema, input.raw), input.absolute),
  ]);
  return toNodeConfig(nodeSchema.parse(input.raw), found, etcdPassword, input.absolute);
}

export function loadProxyConfig(path: string, env: Env): ProxyConfig {
  const input = openInput(path, env, proxySchema);
  const secrets = new SecretReader(input, env);
  const etcdPassword = secrets.optional(ETCD_PASSWORD);
  const peerToken = secrets.optional(NODE_SECRETS.peerToken);
  const parsed = proxySchema.safeParse(input.raw);
  refuse(input, [
    ...variableFaults(input, env),
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, input.raw, input.options)),
    ...secrets.faults,
    ...etcdSectionFaults(input, etcdPassword !== null),
    ...proxyFaults(readableSections(proxySchema, input.raw)),
    ...unreadableFaults(input, PROXY_TLS_FILES),
  ]);
  return toProxyConfig(proxySchema.parse(input.raw), { etcdPassword, peerToken }, input.absolute);
}

/** Environment names of every option and secret of both programs: a shared environment file must not make one of them refuse the other's. */
export function knownVariables(): readonly string[] {
  const options = [...optionsOf(nodeSchema), ...optionsOf(proxySchema)].flatMap(({ envName }) => (envName === null ? [] : [envName]));
  const secrets = [...Object.values(NODE_SECRETS), ETCD_PASSWORD].flatMap(({ envName }) => [envName, `${envName}_FILE`]);
  return [...new Set([...options, ...secrets])];
}

type Input = {
  readonly source: YamlSource;
  readonly options: readonly ConfigOption[];
  /** The file's content with the environment laid over it. */
  readonly raw: unknown;
  readonly origins: Map<string, string>;
  readonly baseDir: string;
  readonly absolute: (path: string) => string;
};

function openInput(path: string, env: Env, schema: z.ZodType): Input {
  const source = new YamlSource(path, readText(path));
  if (source.syntaxFaults.length > 0) throw syntaxToError(source);
  const options = optionsOf(schema);
  const { value, origins } = applyEnv(withoutNulls(source.value ?? {}), options, env);
  const baseDir = dirname(resolve(path));
  return { source, options, raw: value, origins, baseDir, absolute: (relative) => resolve(baseDir, relative) };
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > FILE_BYTES_MAX) throw appError('PGB-1001', `${path} is larger than ${String(FILE_BYTES_MAX)} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw appError('PGB-1002', messageOf(error), { cause: error });
    throw error;
  }
}

class SecretReader {
  readonly faults: ConfigFault[] = [];
  readonly #input: Input;
  readonly #env: Env;

  constructor(input: Input, env: Env) {
    this.#input = input;
    this.#env = env;
  }

  /** The empty text stands for a secret that is missing; the fault list then keeps it from ever being used. */
  required(spec: SecretSpec): string {
    const value = this.#read(spec);
    if (value === undefined) this.faults.push(missingSecret(spec));
    return value ?? '';
  }

  optional(spec: SecretSpec): string | null {
    return this.#read(spec) ?? null;
  }

  #read(spec: SecretSpec): string | undefined {
    const outcome = readSecret(spec, this.#input.raw, this.#env, this.#input.baseDir);
    switch (outcome.kind) {
      case 'found':
        return outcome.value;
      case 'absent':
        return undefined;
      case 'faulty':
        this.faults.push(outcome.fault);
        return '';
    }
  }
}

function etcdSectionFaults(input: Input, passwordGiven: boolean): readonly ConfigFault[] {
  const parsed = etcdSchema.safeParse(valueAt(input.raw, ['etcd']));
  if (!parsed.success) return [];
  const files = ETCD_FILES.map((key) => ['etcd', key] as const);
  return [...etcdFaults(parsed.data, passwordGiven), ...unreadableFaults(input, files)];
}

/** A text where no text belongs is another fault's affair. */
function unreadableFaults(input: Input, files: readonly (readonly [section: string, key: string])[]): readonly ConfigFault[] {
  return files.flatMap(([section, key]): ConfigFault[] => {
    const file = valueAt(input.raw, [section, key]);
    if (typeof file !== 'string' || isReadable(input.absolute(file))) return [];
    const message = `${section}.${key}: ${input.absolute(file)} cannot be read`;
    return [{ kind: 'secret', path: [section, key], at: 'value', message, suggestion: null }];
  });
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    // Missing or forbidden: the fault names the path, which is all that can be done about either.
    return false;
  }
}

/** Sections that are valid by themselves, so that rules between them are checked although others are faulty. */
function readableSections<Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>, raw: unknown): Partial<z.output<z.ZodObject<Shape>>> {
  const sections: Record<string, unknown> = {};
  for (const [key, section] of Object.entries<z.core.$ZodType>(schema.shape)) {
    const parsed = (section as z.ZodType).safeParse(isRecord(raw) ? raw[key] : undefined);
    if (parsed.success) sections[key] = parsed.data;
  }
  return sections as Partial<z.output<z.ZodObject<Shape>>>;
}

function variableFaults(input: Input, env: Env): readonly ConfigFault[] {
  return misspelledVariables(env, knownVariables()).map(({ variable, meant }) => {
    const path = [variable];
    input.origins.set(dotted(path), variable);
    return { kind: 'value', path, at: 'key', message: 'there is no such setting', suggestion: meant };
  });
}

function refuse(input: Input, faults: readonly ConfigFault[]): void {
  if (faults.length > 0) throw faultsToError(faults, input.source, input.origins);
}
