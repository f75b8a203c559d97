/**
 * The configurations of the four ways to the server. Every proxy gets one thread, encryption nowhere, and otherwise what its manual recommends for
 * passing sessions through one to one. bench/README.md says why each line is there. Pure.
 */
import { stringify } from 'yaml';

export type ProxyPlace = {
  readonly host: string;
  readonly port: number;
  /** Where sessions end up. */
  readonly server: { readonly host: string; readonly port: number };
  /** Sessions at once that must be possible. */
  readonly sessions: number;
};

const HALF_A_DAY = '12h';

export function haproxyConfig({ host, port, server, sessions }: ProxyPlace): string {
  return `global
  nbthread 1
  maxconn ${String(sessions)}
  maxpipes 64

defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client ${HALF_A_DAY}
  timeout server ${HALF_A_DAY}

listen postgres
  bind ${host}:${String(port)} backlog 4096
  maxconn ${String(sessions)}
  server primary ${server.host}:${String(server.port)}
`;
}

export function pgbouncerConfig({ host, port, server, sessions }: ProxyPlace, usersFile: string): string {
  return `[databases]
* = host=${server.host} port=${String(server.port)}

[pgbouncer]
listen_addr = ${host}
listen_port = ${String(port)}
unix_socket_dir =
auth_type = trust
auth_file = ${usersFile}
pool_mode = session
max_client_conn = ${String(sessions)}
default_pool_size = ${String(sessions)}
listen_backlog = 4096
log_connections = 0
log_disconnections = 0
`;
}

export function pgbatonConfig(
  { host, port }: ProxyPlace,
  at: { readonly cluster: string; readonly etcd: string; readonly roPort: number; readonly apiPort: number },
): string {
  return stringify({
    cluster: at.cluster,
    id: 'bench',
    etcd: { endpoints: [at.etcd] },
    listenHost: host,
    rwPort: port,
    roPort: at.roPort,
    api: { host, port: at.apiPort },
    drainMs: 0,
  });
}
