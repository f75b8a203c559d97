/**
 * TLS that ends at the proxy: the handshake with a client, so that what it says afterwards can be read. It must never take for encrypted what
 * came in the clear, and never let a client in whose handshake did not come to its end.
 */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { appError, messageOf } from '../shared/errors.ts';
import { resetThrough } from './reset-through.ts';

export type TlsFiles = { readonly certFile: string; readonly keyFile: string };

export type ClientSecured =
  /** `speaksPostgres`: the client said within the handshake that it wants this protocol (ALPN). */
  | { readonly kind: 'secured'; readonly socket: TLSSocket; readonly speaksPostgres: boolean }
  | { readonly kind: 'failed'; readonly why: string };

/** The name of the protocol, as registered for ALPN. A client that offers other names only is turned away in the handshake. */
const PROTOCOL = 'postgresql';
/** As long as a client may take to introduce itself. */
const HANDSHAKE_MS = 60_000;

export class ClientTls {
  readonly #files: TlsFiles;
  /** Never listens: connections are brought to it. */
  readonly #server: Server;
  readonly #underWay = new Map<string, (outcome: ClientSecured) => void>();

  /** Throws PGB-1001 when the files hold no certificate with its key. */
  constructor(files: TlsFiles) {
    this.#files = files;
    this.#server = createServer({
      ...optionsOf(files),
      ALPNProtocols: [PROTOCOL],
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#server.on('secureConnection', (socket) => {
      // Stays: an error without a listener would end the process. Who uses the socket sees its 'close'.
      socket.on('error', () => undefined);
      const settle = this.#underWay.get(wayOf(socket));
      if (settle === undefined) socket.destroy();
      else settle({ kind: 'secured', socket, speaksPostgres: socket.alpnProtocol === PROTOCOL });
    });
    this.#server.on('tlsClientError', (error, socket) => {
      this.#underWay.get(wayOf(socket))?.({ kind: 'failed', why: error.message });
    });
  }

  /** Handshakes from now on use the files as they are now. Throws PGB-1001, and then nothing changes. */
  reload(): void {
    this.#server.setSecureContext(optionsOf(this.#files));
  }

  /**
   * `raw` is paused and nobody listens to its data; `ahead` was read from it already and is the beginning of the handshake. On 'failed' it is
   * destroyed, on 'secured' it belongs to the TLS socket, which is paused.
   */
  secure(raw: Socket, ahead: Buffer): Promise<ClientSecured> {
    const way = wayOf(raw);
    if (raw.destroyed) return Promise.resolve({ kind: 'failed', why: 'the client has left' });
    return new Promise((resolve) => {
      const settle = (outcome: ClientSecured): void => {
        this.#underWay.delete(way);
        raw.off('close', onClose);
        if (outcome.kind === 'failed') {
          raw.destroy();
        } else {
          outcome.socket.allowHalfOpen = true;
          resetThrough(outcome.socket, raw);
        }
        resolve(outcome);
      };
      const onClose = (): void => {
        settle({ kind: 'failed', why: 'the client has left' });
      };
      this.#underWay.set(way, settle);
      raw.once('close', onClose);
      if (ahead.length > 0) raw.unshift(ahead);
      // The TLS socket takes this over. Who leaves in the middle of a handshake has no answer coming and must not be waited for.
      raw.allowHalfOpen = false;
      this.#server.emit('connection', raw);
    });
  }
}

/** The kernel has one connection at a time between two ends: a name that both sockets, the outer and the inner, know. */
function wayOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return [localAddress, localPort, remoteAddress, remotePort].join(' ');
}

function optionsOf({ certFile, keyFile }: TlsFiles): TlsOptions {
  try {
    const options = {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      minVersion: 'TLSv1.2',
      // As PostgreSQL: no session is resumed, and none renegotiates.
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    } as const;
    // Tried here, because a server says nothing of a key that does not fit before somebody comes.
    createSecureContext(options);
    return options;
  } catch (error) {
    throw appError('PGB-1001', `tls: ${messageOf(error)}`, { cause: error });
  }
}
