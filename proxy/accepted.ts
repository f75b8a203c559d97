/**
 * Makes an accepted socket one that can be read directly. Node has no public way to do that, so this file, and no other, knows what a socket
 * consists of: it takes the connection out of one that nobody has read from, and with it the place in the server's count of connections. Where anything
 * is not as expected the socket stays what it is, and is read in the ordinary way; nothing but speed depends on the difference.
 */
import type { Socket } from 'node:net';
import { DirectSocket } from './direct-socket.ts';

type Insides = { _handle?: unknown; _server?: unknown };

/** `accepted` comes from a server with `pauseOnConnect`, and is nobody's afterwards. What is returned does not read yet. */
export function readableDirectly(accepted: Socket): Socket {
  const outer: Socket & Insides = accepted;
  const { _handle: handle, _server: server } = outer;
  if (!isConnection(handle) || typeof server !== 'object' || server === null) return accepted;
  const direct: Socket & Insides = new DirectSocket({ handle, allowHalfOpen: accepted.allowHalfOpen, manualStart: true });
  direct._server = server;
  outer._server = null;
  outer._handle = null;
  return direct;
}

/** It knows the call behind the public `onread`, which reads into memory that it is given. */
function isConnection(handle: unknown): boolean {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
}
