/** A proxy's configuration: its schema (which is also its documentation), its type, and the rules between its keys. It holds no password of PostgreSQL. */
import { z } from 'zod';
import type { ConfigFault } from './config-fault.ts';
import { valueFault } from './config-fault.ts';
import { clusterSchema, etcdSchema, hostSchema, logSchema, nameSchema, pathSchema, portSchema, toEtcdConfig } from './sections.ts';
import type { EtcdConfig, LogConfig } from './sections.ts';

export type RoFallback = 'primary' | 'refuse';
export type WeakCommitPolicy = 'allow' | 'forbid';

export type ProxyConfig = {
  readonly cluster: string;
  readonly id: string;
  readonly etcd: EtcdConfig;
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
  /** Null: nobody may change anything over HTTP. */
  readonly peerToken: string | null;
  readonly log: LogConfig;
};

export const proxySchema = z
  .strictObject({
    cluster: clusterSchema,
    id: nameSchema('Name of this proxy, unique in the cluster.'),
    etcd: etcdSchema,
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
      .describe('How many connections may be held at once; more are refused at once.'),
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
  return faults;
}

export function toProxyConfig(
  { secrets: _files, ...yaml }: ProxyYaml,
  found: { readonly etcdPassword: string | null; readonly peerToken: string | null },
  absolute: (path: string) => string,
): ProxyConfig {
  return {
    ...yaml,
    api: { ...yaml.api, advertiseUrl: yaml.api.advertiseUrl ?? null },
    etcd: toEtcdConfig(yaml.etcd, found.etcdPassword, absolute),
    peerToken: found.peerToken,
  };
}
