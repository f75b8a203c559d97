/**
 * Secrets come from a file or from the environment, never from the configuration text and never from the command line, which everybody on
 * the machine can read in /proc. Order: the variable, the file named by its `_FILE` variable, the file named in the YAML. No text made here
 * contains a secret.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConfigFault } from './config-fault.ts';
import { messageOf } from '../errors.ts';
import type { Env } from './env-override.ts';
import { valueAt } from './plain-value.ts';

export type SecretSpec = {
  readonly name: string;
  /** Where the YAML names the file. */
  readonly path: readonly string[];
  /** The variable with the secret itself; with `_FILE` behind it, the variable with a path. */
  readonly envName: string;
  readonly minLength: number;
};

export type SecretOutcome =
  | { readonly kind: 'found'; readonly value: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'faulty'; readonly fault: ConfigFault };

const SECRET_BYTES_MAX = 4_096;
const OTHERS_MAY_READ = 0o004;
/** Container runtimes mount secrets here with mode 0444 on a file system of the container's own. */
const CONTAINER_SECRETS = '/run/secrets/';

export function readSecret(spec: SecretSpec, raw: unknown, env: Env, baseDir: string): SecretOutcome {
  const inline = emptyAsUnset(env[spec.envName]);
  const fileVariable = `${spec.envName}_FILE`;
  const envFile = emptyAsUnset(env[fileVariable]);
  if (inline !== undefined && envFile !== undefined)
    return faulty(spec, `${spec.envName} and ${fileVariable} are both set; unset one of them`);
  if (inline !== undefined) return checked(spec, inline, `environment ${spec.envName}`);
  if (envFile !== undefined) return fromFile(spec, resolve(baseDir, envFile), `environment ${fileVariable}`);
  const yamlFile = valueAt(raw, spec.path);
  return typeof yamlFile === 'string' ? fromFile(spec, resolve(baseDir, yamlFile), spec.path.join('.')) : { kind: 'absent' };
}

export function missingSecret(spec: SecretSpec): ConfigFault {
  return secretFault(
    spec,
    `${spec.path.join('.')} is missing; it names the file with the secret (or set ${spec.envName} or ${spec.envName}_FILE)`,
  );
}

function fromFile(spec: SecretSpec, file: string, from: string): SecretOutcome {
  let text: string;
  try {
    const { mode, size } = statSync(file);
    if (size > SECRET_BYTES_MAX)
      return faulty(spec, `${from}: ${file} is larger than ${String(SECRET_BYTES_MAX)} bytes and surely no secret`);
    if ((mode & OTHERS_MAY_READ) !== 0 && !file.startsWith(CONTAINER_SECRETS)) {
      return faulty(
        spec,
        `${from}: ${file} can be read by everybody (mode ${(mode & 0o777).toString(8).padStart(4, '0')}); run \`chmod 600 ${file}\``,
      );
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return faulty(spec, `${from}: ${messageOf(error)}`);
  }
  return checked(spec, text.replace(/\r?\n$/, ''), `${from}: ${file}`);
}

function checked(spec: SecretSpec, value: string, from: string): SecretOutcome {
  if (value.length < spec.minLength) return faulty(spec, `${from} holds fewer than ${String(spec.minLength)} characters`);
  // Secrets travel in HTTP headers and in lines of a passfile; anything but printable ASCII would be cut or garbled there.
  if (!/^[\x21-\x7e]+$/.test(value)) return faulty(spec, `${from} must be one line of printable ASCII without spaces`);
  return { kind: 'found', value };
}

function faulty(spec: SecretSpec, message: string): SecretOutcome {
  return { kind: 'faulty', fault: secretFault(spec, message) };
}

function secretFault(spec: SecretSpec, message: string): ConfigFault {
  return { kind: 'secret', path: spec.path, at: 'value', message, suggestion: null };
}

function emptyAsUnset(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
