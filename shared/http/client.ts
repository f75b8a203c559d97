/**
 * One HTTP request with JSON in and out, for agents, proxies and the CLI. Everything that can go wrong on a network is a value: a silent peer
 * is an ordinary fact for the caller. Bounded in time as a whole (a peer that drips bytes does not extend it) and in size.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../errors.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { lookupHost } from '../runtime/host-lookup.ts';

export type HttpJsonOptions = {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly token?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** From `createKeepAliveAgent`; without one every request makes its own connection. */
  readonly agent?: HttpAgent;
  readonly responseBytesMax?: number;
};

/** `ok` says that an answer came, of whatever status; `body` is null when it was empty. */
export type HttpJsonOutcome =
  | { readonly kind: 'ok'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'failed'; readonly why: string };

const RESPONSE_BYTES_MAX = 1_048_576;

/** Keep one a program. Idle connections are dropped well before the servers drop them, so that a request never meets a closing one. */
export function createKeepAliveAgent(): HttpAgent {
  return new HttpAgent({ keepAlive: true, noDelay: true, maxSockets: 8, maxFreeSockets: 4, timeout: 60_000, scheduling: 'lifo' });
}

export async function httpJson(options: HttpJsonOptions): Promise<HttpJsonOutcome> {
  try {
    const outcome = await withDeadline(async (signal) => exchange(options, signal), options.timeoutMs, options.signal);
    switch (outcome.kind) {
      case 'done':
        return outcome.value;
      case 'timed-out':
        return { kind: 'failed', why: `no complete answer within ${String(options.timeoutMs)} ms` };
      case 'aborted':
        return { kind: 'failed', why: 'aborted' };
    }
  } catch (error) {
    return { kind: 'failed', why: messageOf(error) };
  }
}

async function exchange(options: HttpJsonOptions, signal: AbortSignal): Promise<HttpJsonOutcome> {
  try {
    return await attempt(options, signal);
  } catch (error) {
    // The server may close an idle connection in the very moment it is used again. A GET changes nothing, so it is asked once more; the
    // second connection is new, because the broken one has left the agent.
    const isStale = error instanceof StaleConnectionError && (options.method ?? 'GET') === 'GET' && !signal.aborted;
    if (!isStale) throw error;
    return attempt(options, signal);
  }
}

class StaleConnectionError extends Error {}

async function attempt(options: HttpJsonOptions, signal: AbortSignal): Promise<HttpJsonOutcome> {
  const payload = options.body === undefined ? null : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const request = start(options, payload, signal);
    request.on('error', (error) => reject(request.reusedSocket ? new StaleConnectionError(messageOf(error)) : error));
    request.on('response', (response) => {
      collect(response, options.responseBytesMax ?? RESPONSE_BYTES_MAX).then(
        (text) => resolve(toOutcome(response.statusCode ?? 0, text)),
        reject,
      );
    });
    request.end(payload ?? undefined);
  });
}

function start({ agent, method = 'GET', token, url }: HttpJsonOptions, payload: string | null, signal: AbortSignal): ClientRequest {
  const secure = url.startsWith('https:');
  const requestOptions: RequestOptions = {
    method,
    signal,
    lookup: lookupHost,
    headers: {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    },
    // An agent for plain connections cannot carry TLS; `false` is a fresh connection that closes after the answer.
    agent: secure ? false : (agent ?? false),
  };
  const request = secure ? httpsRequest(url, requestOptions) : httpRequest(url, requestOptions);
  request.setNoDelay(true);
  return request;
}

async function collect(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the response and its connection.
    if (bytes > bytesMax) throw new Error(`the answer is larger than ${String(bytesMax)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toOutcome(status: number, text: string): HttpJsonOutcome {
  if (text === '') return { kind: 'ok', status, body: null };
  try {
    return { kind: 'ok', status, body: JSON.parse(text) as unknown };
  } catch {
    // The parser's message would quote the answer, which is anything at all when it is not JSON.
    return { kind: 'failed', why: `the answer (status ${String(status)}) is not JSON` };
  }
}
