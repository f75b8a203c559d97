/**
 * Asks a quarantined endpoint whether it is worth a connection again, over a socket of its own: an etcd client that keeps calling a silent
 * peer leaks one socket per deadline. It decides only whether to *try*; it proves nothing about any request.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { lookupHost } from '../runtime/host-lookup.ts';
import type { EtcdTls } from './etcd-client.ts';

/** True when the endpoint answers `GET /health` with 200, which it does only while it has a quorum. Never rejects, never outlives `timeoutMs`. */
export function isHealthy(url: string, tls: EtcdTls | undefined, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const target = new URL('/health', url);
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(target, { agent: false, lookup: lookupHost, ...tls });
    const finish = (healthy: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      request.destroy();
      resolve(healthy);
    };
    const giveUp = (): void => finish(false);
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener('abort', giveUp);
    request.on('response', (response: IncomingMessage) => finish(response.statusCode === 200));
    // An etcd whose HTTP is served on another port (--listen-client-http-urls) answers here with HTTP/2 frames: alive, so worth a try.
    request.on('error', (error: NodeJS.ErrnoException) => finish(error.code?.startsWith('HPE_') === true));
    request.end();
    if (signal.aborted) giveUp();
  });
}
