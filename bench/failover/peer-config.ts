/**
 * The configurations of the peer: Patroni at one of its settings, and HAProxy as fast as it may be. Pure. A setting that Patroni would clamp is
 * refused: what is printed has to be what ran.
 */
import { stringify } from 'yaml';
import { assert } from '../../shared/assert.ts';

export type PeerTimings = { readonly ttlS: number; readonly loopWaitS: number; readonly retryTimeoutS: number };

/** `default`: as Patroni comes. `fast`: the lowest values that it accepts, which also satisfy its rule about the ttl. */
export const PEER_SETTINGS = {
  default: { ttlS: 30, loopWaitS: 10, retryTimeoutS: 10 },
  fast: { ttlS: 20, loopWaitS: 1, retryTimeoutS: 3 },
} as const satisfies Readonly<Record<string, PeerTimings>>;

export type PeerSetting = keyof typeof PEER_SETTINGS;

const LEAST: PeerTimings = { ttlS: 20, loopWaitS: 1, retryTimeoutS: 3 };

/** What Patroni would change of them, in words; empty when it takes them as they are. */
export function clampedByPatroni({ ttlS, loopWaitS, retryTimeoutS }: PeerTimings): readonly string[] {
  const broken: readonly (readonly [isBroken: boolean, what: string])[] = [
    [ttlS < LEAST.ttlS, `ttl below ${String(LEAST.ttlS)}`],
    [loopWaitS < LEAST.loopWaitS, `loop_wait below ${String(LEAST.loopWaitS)}`],
    [retryTimeoutS < LEAST.retryTimeoutS, `retry_timeout below ${String(LEAST.retryTimeoutS)}`],
    [loopWaitS + 2 * retryTimeoutS > ttlS, 'loop_wait + 2 × retry_timeout above ttl'],
  ];
  return broken.filter(([isBroken]) => isBroken).map(([, what]) => what);
}

/** What pgbaton sets for its own PostgreSQL and anybody may set: neither side is to win by a timeout of the server or by its WAL. */
export const SERVER_PARAMETERS: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_wal_senders: '16',
  max_replication_slots: '16',
  superuser_reserved_connections: '5',
  wal_keep_size: '1GB',
  max_slot_wal_keep_size: '4GB',
  synchronous_commit: 'on',
  wal_log_hints: 'on',
  password_encryption: 'scram-sha-256',
  hot_standby_feedback: 'on',
  max_standby_streaming_delay: '3s',
  max_standby_archive_delay: '3s',
  wal_retrieve_retry_interval: '100ms',
  wal_receiver_timeout: '3s',
  wal_sender_timeout: '3s',
  wal_receiver_status_interval: '1s',
  tcp_user_timeout: '5s',
};

export type PeerOptions = { readonly timings: PeerTimings; readonly isSynchronous: boolean; readonly password: string };

export function patroniYaml({ timings, isSynchronous, password }: PeerOptions): string {
  assert(clampedByPatroni(timings).length === 0, 'Patroni takes these timings as they are');
  const { ttlS, loopWaitS, retryTimeoutS } = timings;
  return stringify({
    scope: 'demo',
    restapi: { listen: '0.0.0.0:8008' },
    etcd3: { hosts: ['etcd1:2379', 'etcd2:2379', 'etcd3:2379'] },
    bootstrap: {
      dcs: {
        ttl: ttlS,
        loop_wait: loopWaitS,
        retry_timeout: retryTimeoutS,
        synchronous_mode: isSynchronous ? 'quorum' : false,
        postgresql: { use_pg_rewind: true, use_slots: true, parameters: SERVER_PARAMETERS },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }, 'data-checksums'],
    },
    postgresql: {
      listen: '0.0.0.0:5432',
      data_dir: '/var/lib/pgbaton/data',
      bin_dir: '/usr/lib/postgresql/17/bin',
      pgpass: '/tmp/pgpass',
      pg_hba: ['local all all trust', 'host all all 0.0.0.0/0 scram-sha-256', 'host replication all 0.0.0.0/0 scram-sha-256'],
      authentication: {
        superuser: { username: 'postgres', password },
        replication: { username: 'replicator', password },
        rewind: { username: 'rewinder', password },
      },
    },
  });
}

/** A node as HAProxy has to know it: where sessions go, and where it asks whether they may. */
export type BalancedNode = { readonly name: string; readonly host: string; readonly port: number; readonly checkPort: number };

/** Checks faster than those of Patroni's own example, and sessions cut as soon as a node is no primary any more. */
export function haproxyConfig(bind: string, nodes: readonly BalancedNode[]): string {
  const servers = nodes.map(
    ({ name, host, port, checkPort }) => `  server ${name} ${host}:${String(port)} check port ${String(checkPort)}`,
  );
  return [
    'global',
    '  maxconn 1000',
    'defaults',
    '  mode tcp',
    // A session that HAProxy 3.0 was connecting anew when its server was marked down would be left hanging, half closed, until the client gives up.
    '  retries 0',
    '  timeout connect 1s',
    '  timeout client 1h',
    '  timeout server 1h',
    '  timeout check 1s',
    'listen primary',
    `  bind ${bind}`,
    '  option httpchk GET /primary',
    '  http-check expect status 200',
    '  default-server inter 1s fastinter 250ms downinter 250ms fall 2 rise 1 on-marked-down shutdown-sessions',
    ...servers,
    '',
  ].join('\n');
}
