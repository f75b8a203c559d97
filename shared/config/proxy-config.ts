/** A proxy's configuration: its schema (which is also its documentation), its type, and the rules between its keys. It holds no password of PostgreSQL. */
import { z } from 'zod';
import type { ConfigFault } from './config-fault.ts';
import { valueFault } from './config-fault.ts';
import {
  clusterSchema,
  etcdSchema,
  hostSchema,
  logSchema,
  nameSchema,
  pathSchema,
  portSchema,
  toEtcdConfig,
  absoluteOrNull,
} from './sections.ts';
import type { EtcdConfig, LogConfig } from './sections.ts';
import { workersFaults, workersSchema } from './proxy-workers.ts';

export type RoFallback = 'primary' | 'refuse';
export type WeakCommitPolicy = 'allow' | 'forbid';

/** `pass`: TLS of clients is the servers' affair. `terminate`: it ends at the proxy. */
export type ClientTlsConfig =
  | { readonly kind: 'pass' }
  | { readonly kind: 'terminate'; readonly certFile: string; readonly keyFile: string };
/** `caFile` null: the certificate of a server is not checked. */
export type ServerTlsConfig = 'off' | { readonly caFile: string | null };

export type ProxyConfig = {
  readonly cluster: string;
  readonly id: string;
  readonly etcd: EtcdConfig;
  /** How many processes move data; a worker's own configuration says so, too. */
  readonly workers: number;
  readonly listenHost: string;
  readonly rwPort: number;
  readonly roPort: number;
  readonly api: { readonly host: string; readonly port: number; readonly advertiseUrl: string | null };
  readonly holdMs: number;
  readonly holdMax: number;
  readonly maxLagBytes: number;
  readonly roFallback: RoFallback;
  readonly roWaitMs: number;
  readonly weakCommits: WeakCommitPolicy;
  readonly drainMs: number;
  readonly tls: ClientTlsConfig;
  readonly serverTls: ServerTlsConfig;
  /** Null: nobody may change anything over HTTP. */
  readonly peerToken: string | null;
  readonly log: LogConfig;
};

export const proxySchema = z
  .strictObject({
    cluster: clusterSchema,
    id: nameSchema('Name of this proxy, unique in the cluster.'),
    etcd: etcdSchema,
    workers: workersSchema.default(1),
    listenHost: hostSchema('Address on which the proxy accepts connections of applications.').default('127.0.0.1'),
    rwPort: portSchema('Port that always leads to the leader.').default(5000),
    roPort: portSchema('Port that leads to standbys.').default(5001),
    api: z
      .strictObject({
        host: hostSchema('Address on which the proxy serves HTTP (health, status, metrics).').default('127.0.0.1'),
        port: portSchema('Port on which the proxy serves HTTP.').default(8009),
        advertiseUrl: z
          .url({ protocol: /^https?$/ })
          .optional()
          .describe(
            'Base URL under which the agents reach the proxy, to have clients parked at a switchover. Not set: made of api.host and api.port.',
          ),
      })
      .prefault({}),
    holdMs: z
      .number()
      .int()
      .min(0)
      .max(600_000)
      .default(30_000)
      .describe('How long a new connection is held while there is no leader, before it is refused. Milliseconds.'),
    holdMax: z
      .number()
      .int()
      .min(0)
      .max(100_000)
      .default(1_000)
      .describe('How many connections one process (see workers) may hold at once; more are refused at once.'),
    maxLagBytes: z
      .number()
      .int()
      .min(0)
      .default(16_777_216)
      .describe('A standby further behind than this gets no new read-only connection. Bytes.'),
    roFallback: z
      .enum(['primary', 'refuse'])
      .default('primary')
      .describe('What happens to read-only connections when no standby is good enough: to the leader, or refused.'),
    roWaitMs: z
      .number()
      .int()
      .min(0)
      .max(60_000)
      .default(1_000)
      .describe(
        'How long a session with pgbaton.after or pgbaton.max_staleness_ms waits for a standby that has replayed enough, before roFallback applies. Milliseconds.',
      ),
    weakCommits: z
      .enum(['allow', 'forbid'])
      .default('allow')
      .describe(
        "Sessions that ask, when they connect, for a synchronous_commit below what the cluster's mode promises: let in and counted, or refused.",
      ),
    drainMs: z
      .number()
      .int()
      .min(0)
      .max(3_600_000)
      .default(10_000)
      .describe('How long sessions may end by themselves after SIGTERM before they are cut. A second SIGTERM cuts at once. Milliseconds.'),
    tls: z
      .strictObject({
        mode: z
          .enum(['pass', 'terminate'])
          .default('pass')
          .describe(
            'TLS of clients: passes through to the server unread, or ends at the proxy. Only sessions whose TLS ends here, or that have none, can be moved at a switchover.',
          ),
        certFile: pathSchema('PEM file with the certificate for clients, the chain behind it. Best the one of the servers.').optional(),
        keyFile: pathSchema('PEM file with the key of tls.certFile.').optional(),
      })
      .prefault({}),
    serverTls: z
      .strictObject({
        mode: z
          .enum(['off', 'require'])
          .default('off')
          .describe('The way from the proxy to the servers, where TLS of clients ends at the proxy: in the clear, or with TLS always.'),
        caFile: pathSchema(
          'PEM file of the authority that signed the certificates of the servers. Without it they are not checked.',
        ).optional(),
      })
      .prefault({}),
    secrets: z
      .strictObject({
        peerTokenFile: pathSchema(
          'File with the peer token of the cluster, at least 16 characters. Without it no session is moved at a switchover, and nobody may list sessions, pause or drain over HTTP.',
        ).optional(),
      })
      .prefault({}),
    log: logSchema,
  })
  .describe('Configuration of one pgbaton proxy');

type ProxyYaml = z.output<typeof proxySchema>;

export function proxyFaults(sections: Partial<ProxyYaml>): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const taken = new Map<number, string>();
  const ports: readonly (readonly [readonly string[], number | undefined])[] = [
    [['rwPort'], sections.rwPort],
    [['roPort'], sections.roPort],
    [['api', 'port'], sections.api?.port],
  ];
  for (const [path, port] of ports) {
    if (port === undefined) continue;
    const other = taken.get(port);
    if (other !== undefined) faults.push(valueFault(path, `${path.join('.')} and ${other} are both ${String(port)}`));
    taken.set(port, path.join('.'));
  }
  const { serverTls, tls } = sections;
  const given = (['certFile', 'keyFile'] as const).filter((key) => tls?.[key] !== undefined);
  if (tls?.mode === 'terminate' && given.length < 2) {
    faults.push(valueFault(['tls', 'mode'], 'tls.mode terminate needs tls.certFile and tls.keyFile'));
  }
  if (tls?.mode === 'pass' && given[0] !== undefined) {
    faults.push(valueFault(['tls', given[0]], `tls.${given[0]} is set, but tls.mode is pass`));
  }
  if (serverTls?.mode === 'require' && tls?.mode === 'pass') {
    faults.push(
      valueFault(
        ['serverTls', 'mode'],
        'serverTls.mode require needs tls.mode terminate; TLS that passes through reaches the servers as it is',
      ),
    );
  }
  if (serverTls?.mode === 'off' && serverTls.caFile !== undefined) {
    faults.push(valueFault(['serverTls', 'caFile'], 'serverTls.caFile is set, but serverTls.mode is off'));
  }
  return [...faults, ...workersFaults(sections)];
}

/** Read when the proxy starts. */
export const PROXY_TLS_FILES = [
  ['tls', 'certFile'],
  ['tls', 'keyFile'],
  ['serverTls', 'caFile'],
] as const;

export function toProxyConfig(
  { secrets: _files, ...yaml }: ProxyYaml,
  found: { readonly etcdPassword: string | null; readonly peerToken: string | null },
  absolute: (path: string) => string,
): ProxyConfig {
  return {
    ...yaml,
    api: { ...yaml.api, advertiseUrl: yaml.api.advertiseUrl ?? null },
    etcd: toEtcdConfig(yaml.etcd, found.etcdPassword, absolute),
    tls: toClientTls(yaml.tls, absolute),
    serverTls: yaml.serverTls.mode === 'off' ? 'off' : { caFile: absoluteOrNull(yaml.serverTls.caFile, absolute) },
    peerToken: found.peerToken,
  };
}

function toClientTls({ certFile, keyFile, mode }: ProxyYaml['tls'], absolute: (path: string) => string): ClientTlsConfig {
  if (mode === 'pass' || certFile === undefined || keyFile === undefined) return { kind: 'pass' };
  return { kind: 'terminate', certFile: absolute(certFile), keyFile: absolute(keyFile) };
}
