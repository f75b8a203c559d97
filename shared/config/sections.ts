/** Schema parts and checks that a node's file and a proxy's file have in common. The text of a key here is also its documentation. */
import { z } from 'zod';
import type { ConfigFault } from './config-fault.ts';
import { valueFault } from './config-fault.ts';
import type { SecretSpec } from './secret-source.ts';

export type EtcdConfig = {
  readonly endpoints: readonly string[];
  readonly username: string | null;
  readonly password: string | null;
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
};

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogConfig = { readonly level: LogLevel };

export const NAME_RULE = 'must be 1 to 40 characters of a–z, 0–9, - and _, beginning and ending with a letter or digit';
const NAME_PATTERN = /^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$/;
const HOST_PATTERN = /^[A-Za-z0-9_.:%-]+$/;
const ENDPOINT_PATTERN = /^https?:\/\/[^\s/@]+:\d{1,5}\/?$/;

export const clusterSchema = z
  .string()
  .regex(NAME_PATTERN, NAME_RULE)
  .describe('Name of the cluster; the same on all its nodes and proxies. Part of every key in etcd.');

export function nameSchema(text: string): z.ZodString {
  return z.string().regex(NAME_PATTERN, NAME_RULE).describe(text);
}

export function portSchema(text: string): z.ZodNumber {
  return z.number().int().min(1).max(65_535).describe(text);
}

export function hostSchema(text: string): z.ZodString {
  return z.string().regex(HOST_PATTERN, 'must be a host name or an IP address').describe(text);
}

export function pathSchema(text: string): z.ZodString {
  return z.string().min(1).describe(`${text} Relative paths start at the directory of the configuration file.`);
}

export const etcdSchema = z.strictObject({
  endpoints: z
    .array(z.string().regex(ENDPOINT_PATTERN, 'must look like http://host:2379 or https://host:2379, without a path or credentials'))
    .min(1)
    .describe('Client URLs of all members of the etcd cluster, such as http://10.0.0.1:2379. All http or all https.'),
  username: z.string().min(1).optional().describe('etcd user. It needs read and write permission for /pgbaton/<cluster>/ only.'),
  passwordFile: pathSchema('File with the password of the etcd user.').optional(),
  caFile: pathSchema('PEM file of the authority that signed the servers of etcd.').optional(),
  certFile: pathSchema('PEM file of the client certificate.').optional(),
  keyFile: pathSchema('PEM file of the key that belongs to certFile.').optional(),
});

export const logSchema = z
  .strictObject({ level: z.enum(LOG_LEVELS).default('info').describe('The least important level that is logged.') })
  .prefault({});

export const ETCD_PASSWORD: SecretSpec = {
  name: 'etcdPassword',
  path: ['etcd', 'passwordFile'],
  envName: 'PGBATON_SECRET_ETCD_PASSWORD',
  minLength: 1,
};

export const ETCD_FILES = ['caFile', 'certFile', 'keyFile'] as const;

export function etcdFaults(etcd: z.output<typeof etcdSchema>, passwordGiven: boolean): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const schemes = new Set(etcd.endpoints.map((url) => url.slice(0, url.indexOf(':'))));
  if (schemes.size > 1)
    faults.push(
      valueFault(['etcd', 'endpoints'], 'etcd.endpoints mixes http and https; a plain connection would carry what the others protect'),
    );
  const hasTlsFile = ETCD_FILES.find((key) => etcd[key] !== undefined);
  if (hasTlsFile !== undefined && !schemes.has('https')) {
    faults.push(valueFault(['etcd', hasTlsFile], `etcd.${hasTlsFile} is set, but etcd.endpoints are plain http`));
  }
  if ((etcd.certFile === undefined) !== (etcd.keyFile === undefined)) {
    const [given, missing] = etcd.certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile'];
    faults.push(valueFault(['etcd', given], `etcd.${given} needs etcd.${missing}`));
  }
  if (etcd.username !== undefined && !passwordGiven) {
    faults.push(valueFault(['etcd', 'username'], `etcd.username needs etcd.passwordFile or ${ETCD_PASSWORD.envName}`));
  }
  if (etcd.username === undefined && passwordGiven)
    faults.push(valueFault(['etcd', 'passwordFile'], 'a password for etcd is given, but no etcd.username'));
  return faults;
}

export function toEtcdConfig(etcd: z.output<typeof etcdSchema>, password: string | null, absolute: (path: string) => string): EtcdConfig {
  return {
    endpoints: etcd.endpoints.map((url) => url.replace(/\/$/, '')),
    username: etcd.username ?? null,
    password,
    caFile: absoluteOrNull(etcd.caFile, absolute),
    certFile: absoluteOrNull(etcd.certFile, absolute),
    keyFile: absoluteOrNull(etcd.keyFile, absolute),
  };
}

export function absoluteOrNull(path: string | undefined, absolute: (path: string) => string): string | null {
  return path === undefined ? null : absolute(path);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
