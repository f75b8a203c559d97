/** A node's configuration: its schema (which is also its documentation), its type, and the rules between its keys. Reads no file itself. */
import { z } from 'zod';
import { assert } from '../assert.ts';
import type { NodeName } from '../domain/node-id.ts';
import { parseNodeName } from '../domain/node-id.ts';
import type { Policy } from '../domain/policy.ts';
import type { ConfigFault } from './config-fault.ts';
import { valueFault } from './config-fault.ts';
import { hbaLineFault } from './hba-line.ts';
import { parameterFault } from './owned-parameters.ts';
import { policySchema, toPolicy } from './policy-section.ts';
import type { SecretSpec } from './secret-source.ts';
import {
  absoluteOrNull,
  clusterSchema,
  etcdSchema,
  hostSchema,
  isLoopback,
  logSchema,
  nameSchema,
  pathSchema,
  portSchema,
  toEtcdConfig,
} from './sections.ts';
import type { EtcdConfig, LogConfig } from './sections.ts';

export type NodePostgresConfig = {
  readonly dataDir: string;
  /** Null: the programs are looked for in PATH. */
  readonly binDir: string | null;
  readonly listenAddresses: string;
  readonly port: number;
  readonly advertiseHost: string;
  /** Client settings; none of OWNED_PARAMETERS. Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly hba: readonly string[];
  readonly osUser: string | null;
  readonly baseConfigFile: string | null;
  readonly adopt: boolean;
  readonly initialize: boolean;
  readonly walSegmentSizeMb: number | null;
};

export type NodeSecrets = {
  readonly superuserPassword: string;
  readonly replicationPassword: string;
  readonly monitorPassword: string;
  readonly rewindPassword: string;
  readonly peerToken: string;
};

export type NodeConfig = {
  readonly cluster: string;
  readonly name: NodeName;
  readonly etcd: EtcdConfig;
  readonly api: { readonly host: string; readonly port: number; readonly advertiseUrl: string };
  readonly postgres: NodePostgresConfig;
  readonly secrets: NodeSecrets;
  readonly stateDir: string;
  readonly runDir: string;
  readonly policy: Policy;
  /** 0 = never a candidate. */
  readonly priority: number;
  /** What SIGTERM means for PostgreSQL. */
  readonly onTerm: 'leave' | 'stop';
  readonly log: LogConfig;
};

export const DEFAULT_HBA: readonly string[] = ['host all all samehost scram-sha-256', 'host all all samenet scram-sha-256'];

/** sockaddr_un holds 107 bytes; longer paths are cut off silently. What is left after the longest file name put there. */
const RUN_DIR_BYTES_MAX = 80;

const parametersSchema = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .superRefine((parameters, context) => {
    for (const [name, value] of Object.entries(parameters)) {
      const message = parameterFault(name, parameterText(value));
      if (message !== null) context.addIssue({ code: 'custom', path: [name], message: `is refused: ${message}` });
    }
  })
  .default({})
  .describe('PostgreSQL settings of your own, such as max_connections or shared_buffers. Settings that belong to pgbaton are refused.');

const hbaSchema = z
  .array(
    z.string().superRefine((line, context) => {
      const message = hbaLineFault(line);
      if (message !== null) context.addIssue({ code: 'custom', message: `is refused: ${message}` });
    }),
  )
  .default([...DEFAULT_HBA])
  .describe(
    'pg_hba.conf lines for your applications. pgbaton adds its own lines around them. The methods trust, password and md5 are refused.',
  );

const postgresSchema = z.strictObject({
  dataDir: pathSchema('Data directory.'),
  binDir: pathSchema('Directory with postgres, initdb, pg_rewind and the like. Not set: they are looked for in PATH.').optional(),
  listenAddresses: z
    .string()
    .min(1)
    .default('localhost')
    .describe('Where PostgreSQL listens, as in its own listen_addresses. Must be set when advertiseHost is not this machine itself.'),
  port: portSchema('Port of PostgreSQL.').default(5432),
  advertiseHost: hostSchema('Host under which the other nodes and the proxies reach this PostgreSQL.'),
  parameters: parametersSchema,
  hba: hbaSchema,
  osUser: z.string().min(1).optional().describe('Operating system user that PostgreSQL runs as. Needed when the agent runs as root.'),
  baseConfigFile: pathSchema('A postgresql.conf of your own that is included before all other settings.').optional(),
  adopt: z
    .boolean()
    .default(false)
    .describe('true: take over an existing, cleanly stopped data directory when the cluster has no record yet.'),
  initialize: z.boolean().default(true).describe('true: this node may run initdb when the cluster has no record and no data.'),
  walSegmentSizeMb: z
    .number()
    .int()
    .min(1)
    .max(1_024)
    .refine((value) => Number.isInteger(Math.log2(value)), 'must be a power of two')
    .default(16)
    .describe('Size of a WAL segment for initdb. A power of two. MiB.'),
});

export const nodeSchema = z
  .strictObject({
    cluster: clusterSchema,
    name: nameSchema('Name of this node, unique in the cluster. It stays with the node for ever.'),
    etcd: etcdSchema,
    api: z
      .strictObject({
        host: hostSchema('Address on which the agent serves HTTP. Must be set when advertiseHost is not this machine itself.').default(
          '127.0.0.1',
        ),
        port: portSchema('Port on which the agent serves HTTP.').default(8008),
        advertiseUrl: z
          .string()
          .regex(/^https?:\/\/[^\s/@]+$/, 'must look like http://host:8008, without a path or credentials')
          .optional()
          .describe('Base URL under which others reach the agent. Not set: http://<postgres.advertiseHost>:<api.port>.'),
      })
      .prefault({}),
    postgres: postgresSchema,
    secrets: z
      .strictObject({
        superuserPasswordFile: pathSchema('File with the password of the superuser.').optional(),
        replicationPasswordFile: pathSchema('File with the password of the replication role.').optional(),
        monitorPasswordFile: pathSchema('File with the password of the monitoring role.').optional(),
        rewindPasswordFile: pathSchema('File with the password of the role that pg_rewind uses.').optional(),
        peerTokenFile: pathSchema(
          'File with the token by which agents and operators prove themselves over HTTP. At least 16 characters; the same on all nodes.',
        ).optional(),
      })
      .prefault({}),
    stateDir: pathSchema('Directory of the agent for what must outlive a restart. Never inside the data directory.'),
    runDir: pathSchema('Directory for sockets. Not set: run, inside stateDir.').optional(),
    policy: policySchema,
    priority: z
      .number()
      .int()
      .min(0)
      .max(100)
      .default(50)
      .describe('Preference among equally caught-up candidates; higher wins. 0: never a candidate.'),
    onTerm: z
      .enum(['leave', 'stop'])
      .default('leave')
      .describe(
        'What SIGTERM to the agent means for PostgreSQL. leave: it runs on under its guard, and the next agent finds it. stop: a leader hands over, then PostgreSQL is stopped in order; for containers, which end with their agent.',
      ),
    log: logSchema,
  })
  .describe('Configuration of one pgbaton node');

export const NODE_SECRETS = {
  superuserPassword: secret('superuserPassword', 'SUPERUSER_PASSWORD', 8),
  replicationPassword: secret('replicationPassword', 'REPLICATION_PASSWORD', 8),
  monitorPassword: secret('monitorPassword', 'MONITOR_PASSWORD', 8),
  rewindPassword: secret('rewindPassword', 'REWIND_PASSWORD', 8),
  peerToken: secret('peerToken', 'PEER_TOKEN', 16),
} satisfies Record<keyof NodeSecrets, SecretSpec>;

type NodeYaml = z.output<typeof nodeSchema>;

/** Rules between keys. Sections that are themselves faulty are absent here. */
export function nodeFaults(sections: Partial<NodeYaml>, absolute: (path: string) => string): readonly ConfigFault[] {
  const { api, postgres } = sections;
  return [...(api === undefined || postgres === undefined ? [] : addressFaults(api, postgres)), ...directoryFaults(sections, absolute)];
}

export function toNodeConfig(
  yaml: NodeYaml,
  secrets: NodeSecrets,
  etcdPassword: string | null,
  absolute: (path: string) => string,
): NodeConfig {
  const name = parseNodeName(yaml.name);
  assert(name !== null, 'the schema accepts only node names');
  const { api, postgres } = yaml;
  const stateDir = absolute(yaml.stateDir);
  return {
    cluster: yaml.cluster,
    name,
    etcd: toEtcdConfig(yaml.etcd, etcdPassword, absolute),
    api: {
      host: api.host,
      port: api.port,
      advertiseUrl: api.advertiseUrl ?? `http://${inUrl(postgres.advertiseHost)}:${String(api.port)}`,
    },
    postgres: {
      ...postgres,
      dataDir: absolute(postgres.dataDir),
      binDir: absoluteOrNull(postgres.binDir, absolute),
      parameters: Object.fromEntries(Object.entries(postgres.parameters).map(([key, value]) => [key.toLowerCase(), parameterText(value)])),
      osUser: postgres.osUser ?? null,
      baseConfigFile: absoluteOrNull(postgres.baseConfigFile, absolute),
    },
    secrets,
    stateDir,
    runDir: runDirOf(yaml, absolute) ?? `${stateDir}/run`,
    policy: toPolicy(yaml.policy),
    priority: yaml.priority,
    onTerm: yaml.onTerm,
    log: yaml.log,
  };
}

function addressFaults(api: NodeYaml['api'], postgres: NodeYaml['postgres']): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (api.port === postgres.port) faults.push(valueFault(['api', 'port'], `api.port and postgres.port are both ${String(api.port)}`));
  if (isLoopback(postgres.advertiseHost)) return faults;
  // The defaults listen on this machine only, which contradicts an address told to others. A node nobody can reach must not look configured.
  const listens = postgres.listenAddresses.split(',').map((address) => address.trim());
  if (listens.every(isLoopback)) {
    faults.push(
      valueFault(
        ['postgres', 'listenAddresses'],
        `postgres.listenAddresses is ${postgres.listenAddresses}, but others are told to reach ${postgres.advertiseHost}`,
      ),
    );
  }
  if (isLoopback(api.host) && api.advertiseUrl === undefined) {
    faults.push(valueFault(['api', 'host'], `api.host is ${api.host}, but others are told to reach ${postgres.advertiseHost}`));
  }
  return faults;
}

/**
 * The state directory says what the data directory is worth. pg_rewind and pg_basebackup copy whole directories: inside the data directory
 * the state of another node would be copied in with them.
 */
function directoryFaults(sections: Partial<NodeYaml>, absolute: (path: string) => string): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const { postgres, stateDir } = sections;
  const runDir = runDirOf(sections, absolute);
  const runDirKey = sections.runDir === undefined ? 'stateDir' : 'runDir';
  if (postgres !== undefined) {
    const dataDir = absolute(postgres.dataDir);
    if (stateDir !== undefined && isInside(absolute(stateDir), dataDir))
      faults.push(valueFault(['stateDir'], 'stateDir is inside postgres.dataDir'));
    if (sections.runDir !== undefined && runDir !== null && isInside(runDir, dataDir))
      faults.push(valueFault(['runDir'], 'runDir is inside postgres.dataDir'));
  }
  if (runDir !== null && new TextEncoder().encode(runDir).length > RUN_DIR_BYTES_MAX) {
    faults.push(
      valueFault(
        [runDirKey],
        `the socket directory ${runDir} is longer than ${String(RUN_DIR_BYTES_MAX)} bytes; sockets in it would not work. Set a shorter runDir`,
      ),
    );
  }
  return faults;
}

function runDirOf({ runDir, stateDir }: Partial<NodeYaml>, absolute: (path: string) => string): string | null {
  if (runDir !== undefined) return absolute(runDir);
  return stateDir === undefined ? null : `${absolute(stateDir)}/run`;
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

function parameterText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function secret(name: string, envPart: string, minLength: number): SecretSpec {
  return { name, path: ['secrets', `${name}File`], envName: `PGBATON_SECRET_${envPart}`, minLength };
}
