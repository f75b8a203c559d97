/**
 * TLS on the way to a server: SSLRequest, its one byte, the handshake. It must never go on in the clear with a server that declines: whoever
 * asked for TLS must not be talked out of it by somebody in between.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { appError, messageOf } from '../shared/errors.ts';
import { ask, type Address } from './dial.ts';
import { resetThrough } from './reset-through.ts';
import { ANSWER_TLS } from './wire/answers.ts';

/** `verifies`: the context knows whom to trust, and a certificate of anybody else ends the connection. Names are not compared (`verify-ca`). */
export type ServerTls = 'off' | { readonly context: SecureContext; readonly verifies: boolean };

export type Secured = { readonly kind: 'secured'; readonly socket: TLSSocket } | { readonly kind: 'failed'; readonly why: string };

const MIN_VERSION = 'TLSv1.2';

/** `caFile` null: whoever answers is believed. Throws PGB-1001 when the file holds no certificate. */
export function openServerTls({ caFile }: { readonly caFile: string | null }): ServerTls {
  try {
    const ca = caFile === null ? null : readFileSync(caFile);
    // A file without a certificate is otherwise taken for a list of nobody.
    if (ca !== null) new X509Certificate(ca);
    return { context: createSecureContext({ ...(ca === null ? {} : { ca }), minVersion: MIN_VERSION }), verifies: ca !== null };
  } catch (error) {
    throw appError('PGB-1001', `serverTls.caFile: ${messageOf(error)}`, { cause: error });
  }
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** `raw` is connected and untouched. On 'failed' it is destroyed, on 'secured' it belongs to the TLS socket, which is paused. */
export async function secure(
  raw: Socket,
  address: Address,
  how: { readonly tls: Exclude<ServerTls, 'off'>; readonly budgetMs: number; readonly signal: AbortSignal },
): Promise<Secured> {
  const { budgetMs, signal, tls } = how;
  const answer = await ask(raw, SSL_REQUEST, { isEnough: (bytes) => bytes.length > 0, budgetMs, signal });
  if (answer.kind === 'failed') return answer;
  if (answer.bytes.length !== 1 || answer.bytes[0] !== ANSWER_TLS) {
    raw.destroy();
    return { kind: 'failed', why: 'the server does not offer TLS' };
  }
  return handshake(raw, address, { tls, budgetMs, signal });
}

function handshake(
  raw: Socket,
  { host }: Address,
  { budgetMs, signal, tls }: { readonly tls: Exclude<ServerTls, 'off'>; readonly budgetMs: number; readonly signal: AbortSignal },
): Promise<Secured> {
  return new Promise((resolve) => {
    const socket = connectTls({
      socket: raw,
      secureContext: tls.context,
      rejectUnauthorized: tls.verifies,
      checkServerIdentity: () => undefined,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const settle = (outcome: Secured): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onSecure);
      socket.off('close', onClose);
      if (outcome.kind === 'failed') {
        socket.destroy();
        raw.destroy();
      }
      resolve(outcome);
    };
    const onSecure = (): void => {
      socket.pause();
      settle({ kind: 'secured', socket: resetThrough(socket, raw) });
    };
    const onClose = (): void => {
      settle({ kind: 'failed', why: 'the server closed the connection' });
    };
    const onAbort = (): void => {
      settle({ kind: 'failed', why: 'given up' });
    };
    const timer = setTimeout(() => {
      settle({ kind: 'failed', why: `no TLS within ${String(budgetMs)} ms` });
    }, budgetMs);
    signal.addEventListener('abort', onAbort);
    socket.once('secureConnect', onSecure);
    socket.once('close', onClose);
    // Stays: an error without a listener would end the process. Who uses the socket sees its 'close'.
    socket.on('error', (error) => {
      settle({ kind: 'failed', why: error.message });
    });
  });
}
