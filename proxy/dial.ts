/**
 * The way to a server: one TCP connection with a deadline, and its first words. It must never lose a byte between the first words and the
 * relay, and never report a server as reached that has said nothing.
 */
import type { Socket } from 'node:net';
import { lookupHost } from '../shared/runtime/host-lookup.ts';
import { DirectSocket } from './direct-socket.ts';

export type Address = { readonly host: string; readonly port: number };

export type Dialled = { readonly kind: 'connected'; readonly socket: Socket } | { readonly kind: 'failed'; readonly why: string };
export type Answered = { readonly kind: 'answered'; readonly bytes: Buffer } | { readonly kind: 'failed'; readonly why: string };

/** A vanished host is noticed by keepalive in the end; the orchestrator's own verdict usually comes first (core/cut.ts). */
export const KEEP_ALIVE_MS = 5_000;
/** An error message that a server may say before anything else; what is longer is passed on as it comes. */
const MAX_FIRST_WORDS = 65_536;

export function dial(address: Address, budgetMs: number, signal: AbortSignal): Promise<Dialled> {
  if (signal.aborted) return Promise.resolve({ kind: 'failed', why: 'given up' });
  return new Promise((resolve) => {
    const socket = new DirectSocket({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    socket.connect({ host: address.host, port: address.port, lookup: lookupHost });
    const settle = (outcome: Dialled): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      // An error without a listener would end the process. Who uses the socket sees its 'close'; this one holds on to nothing for as long as the session lives.
      socket.off('error', onError).on('error', ignore);
      if (outcome.kind === 'failed') socket.destroy();
      resolve(outcome);
    };
    const onConnect = (): void => {
      // Nobody reads yet; what arrives waits in the socket.
      socket.pause();
      settle({ kind: 'connected', socket });
    };
    const onAbort = (): void => {
      settle({ kind: 'failed', why: 'given up' });
    };
    const onError = (error: Error): void => {
      settle({ kind: 'failed', why: error.message });
    };
    const timer = setTimeout(() => {
      settle({ kind: 'failed', why: `no connection within ${String(budgetMs)} ms` });
    }, budgetMs);
    signal.addEventListener('abort', onAbort);
    socket.once('connect', onConnect);
    socket.on('error', onError);
  });
}

function ignore(): void {
  // See dial.
}

/**
 * Sends `request` and collects the server's first words until `isEnough` of them are there. On 'answered' the socket is paused and still open.
 * On 'failed' it is destroyed.
 */
export function ask(
  socket: Socket,
  request: Buffer,
  options: { readonly isEnough: (bytes: Buffer) => boolean; readonly budgetMs: number; readonly signal: AbortSignal },
): Promise<Answered> {
  const { isEnough, budgetMs, signal } = options;
  if (signal.aborted || socket.destroyed || socket.readableEnded) {
    socket.destroy();
    return Promise.resolve({ kind: 'failed', why: 'the server closed the connection' });
  }
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (outcome: Answered): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.pause();
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('close', onClose);
      if (outcome.kind === 'failed') socket.destroy();
      resolve(outcome);
    };
    const onData = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (isEnough(bytes) || bytes.length > MAX_FIRST_WORDS) settle({ kind: 'answered', bytes });
    };
    // Words that end in the middle are the client's to see; silence is not.
    const onEnd = (): void => {
      settle(bytes.length > 0 ? { kind: 'answered', bytes } : { kind: 'failed', why: 'the server closed the connection' });
    };
    const onClose = (): void => {
      settle({ kind: 'failed', why: 'the connection to the server broke' });
    };
    const onAbort = (): void => {
      settle({ kind: 'failed', why: 'given up' });
    };
    const timer = setTimeout(() => {
      settle({ kind: 'failed', why: `no answer within ${String(budgetMs)} ms` });
    }, budgetMs);
    signal.addEventListener('abort', onAbort);
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.write(request);
    socket.resume();
  });
}
