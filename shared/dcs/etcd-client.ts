/**
 * One etcd3 client for one endpoint, with everything switched off that hides an outcome: no retries (a repeated CAS that had committed
 * was reported as "not committed"), no circuit breaker, no choice of hosts. Every unary call has a deadline, the hidden login included.
 * Only raw RPC is used behind this file: the client's own Lease, Lock, Watcher and builders are never touched.
 */
import { rootCertificates } from 'node:tls';
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';

export type EtcdTls = { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
export type EtcdAuth = { readonly username: string; readonly password: string };

export type EtcdConnection = {
  /** Bound of one attempt at one endpoint. */
  readonly callMs: number;
  readonly auth?: EtcdAuth;
  readonly tls?: EtcdTls;
};

/** A member that lost its quorum must say so at once ("no leader") instead of keeping a call, or a silent watch, for seconds. */
const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      const own = metadata.clone();
      own.set('hasleader', 'true');
      next(own, listener);
    },
  });

const CHANNEL: NonNullable<IOptions['grpcOptions']> = {
  // Channels that share a connection attempt sit on the kernel's SYN schedule: 30 s after a healed partition instead of 30 ms.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  // Etcd answers pings closer than 5 s with GOAWAY; liveness is watched by deadlines and progress requests instead.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 2_000,
};

export function openClient(url: string, connection: EtcdConnection): Etcd3 {
  const { auth, tls, callMs } = connection;
  return new Etcd3({
    hosts: url,
    faultHandling: { global: noop, host: () => noop },
    // A function: an object would be one fixed instant for the life of the client. Streams watch themselves, a deadline would cut them.
    defaultCallOptions: (context) =>
      context.isStream ? { interceptors: [requireLeader] } : { deadline: Date.now() + callMs, interceptors: [requireLeader] },
    grpcOptions: CHANNEL,
    ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password } }),
    ...(tls === undefined ? {} : { credentials: credentialsOf(tls) }),
  });
}

function credentialsOf(tls: EtcdTls): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: tls.ca ?? Buffer.from(rootCertificates.join('\n')),
    ...(tls.key === undefined ? {} : { privateKey: tls.key }),
    ...(tls.cert === undefined ? {} : { certChain: tls.cert }),
  };
}
