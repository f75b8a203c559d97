/**
 * A TLS socket over a TCP socket, made to be reset like one: Node refuses `resetAndDestroy` on TLS sockets. Whoever relays must not have to know
 * which of the two it holds.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

export function resetThrough(secured: TLSSocket, raw: Socket): TLSSocket {
  return Object.assign(secured, {
    resetAndDestroy: () => {
      raw.resetAndDestroy();
      secured.destroy();
      return secured;
    },
  });
}
