/**
 * One question of the proxy to a server whose socket is nobody else's at the moment: writes the request and collects what comes until the answer
 * is whole. It must never throw, never leave a listener or a timer behind, and never keep more than it was allowed to.
 */
import type { Socket } from 'node:net';
import { FROM_SERVER } from '../core/message-types.ts';
import { interestIn, MessageWalk } from '../core/message-walk.ts';

export type ConversationOptions = {
  /** The answer ends with that many ReadyForQuery. */
  readonly readyCount: number;
  readonly budgetMs: number;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
};

export type Conversation = { readonly kind: 'answered'; readonly bytes: Buffer } | { readonly kind: 'failed'; readonly why: string };

const READY = interestIn({ noted: [FROM_SERVER.readyForQuery] });

/** The socket is paused before and after; what came behind the answer is put back into it. */
export function converse(socket: Socket, request: Buffer, options: ConversationOptions): Promise<Conversation> {
  const { signal, budgetMs } = options;
  if (signal.aborted) return failed('it was given up');
  if (budgetMs <= 0) return failed('no time was left');
  if (socket.destroyed || !socket.writable || socket.readableEnded) return failed('the server has closed the connection');
  return new Promise((resolve) => {
    const walk = new MessageWalk(READY);
    const chunks: Buffer[] = [];
    let bytes = 0;
    let readies = 0;
    const settle = (outcome: Conversation): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.pause();
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError);
      resolve(outcome);
    };
    const fail = (why: string): void => {
      settle({ kind: 'failed', why });
    };
    const onAbort = (): void => {
      fail('it was given up');
    };
    const onEnd = (): void => {
      fail('the server has closed the connection');
    };
    const onError = (error: Error): void => {
      fail(`the connection to the server broke: ${error.message}`);
    };
    const onData = (chunk: Buffer): void => {
      for (let at = walk.feed(chunk, 0); at >= 0; at = walk.feed(chunk, at)) {
        readies += 1;
        if (readies < options.readyCount) continue;
        chunks.push(chunk.subarray(0, at));
        settle({ kind: 'answered', bytes: Buffer.concat(chunks) });
        if (at < chunk.length) socket.unshift(chunk.subarray(at));
        return;
      }
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > options.maxBytes) fail(`the server answered with more than ${String(options.maxBytes)} bytes`);
    };
    const timer = setTimeout(() => {
      fail(`the server did not answer within ${String(Math.round(budgetMs))} ms`);
    }, budgetMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);
    socket.write(request);
    socket.resume();
  });
}

function failed(why: string): Promise<Conversation> {
  return Promise.resolve({ kind: 'failed', why });
}
