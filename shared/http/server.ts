/**
 * The HTTP server of every program: JSON errors with code and hint, health routes that balancers can ask in three ways, limits on what a
 * client may send, and a close that ends. It must never hang a shutdown: a leader that waits for a slow client is a leader too long.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { fastify, LogController } from 'fastify';
import type { z } from 'zod';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, appError, describeError, systemErrorCode, toAppError } from '../errors.ts';
import { httpStatusOf } from './http-status.ts';
import { sleep } from '../runtime/deadline.ts';

export type HttpServerOptions = {
  readonly host: string;
  /** 0: any free port; `listen` says which. */
  readonly port: number;
  readonly bodyLimitBytes?: number;
  /** For receiving a request, and again for answering it. */
  readonly requestTimeoutMs?: number;
  readonly logger?: { readonly error: (fields: Record<string, unknown>, message: string) => void };
};

export type HttpServer = {
  /** Routes are added here before `listen`. */
  readonly app: FastifyInstance;
  /** Port that is in use: PGB-1101. */
  readonly listen: () => Promise<{ readonly host: string; readonly port: number }>;
  /** Ends within about 1.5 s, whatever clients and handlers do. */
  readonly close: () => Promise<void>;
};

/** Longer than the usual idle time of balancers (60 s), so that it is never the server that closes under a request. */
const KEEP_ALIVE_MS = 72_000;
const CLOSE_GRACE_MS = 1_000;
const CLOSE_LAST_MS = 500;

export function createHttpServer({ host, port, bodyLimitBytes = 65_536, requestTimeoutMs = 5_000, logger }: HttpServerOptions): HttpServer {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    handlerTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node looks for overdue requests every 30 s by default, which would make a timeout of 5 s one of 30 s.
    http: { connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs) },
    logController: new LogController({ disableRequestLogging: true }),
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const known = fromFastify(error);
    if (known.code === 'PGB-1999') logger?.error({ err: error }, 'a request failed unexpectedly');
    return sendError(reply, known);
  });
  app.setNotFoundHandler(async (request, reply) =>
    sendError(reply, appError('PGB-1603', `${request.method} ${request.url.split('?')[0] ?? ''}`)),
  );
  let closing: Promise<void> | null = null;
  return {
    app,
    listen: async () => listen(app, host, port),
    close: async () => {
      closing ??= closeSoon(app);
      return closing;
    },
  };
}

export type HealthAnswer = { readonly healthy: boolean; readonly body: unknown };

/** 200 or 503, to GET with a body and to HEAD and OPTIONS without one: HAProxy's checks use OPTIONS by default, others use HEAD. */
export function addHealthRoute(app: FastifyInstance, path: string, check: (request: FastifyRequest) => HealthAnswer): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: path,
    handler: async (request, reply) => {
      const { body, healthy } = check(request);
      return reply
        .code(healthy ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(body);
    },
  });
  app.options(path, async (request, reply) =>
    reply
      .code(check(request).healthy ? 200 : 503)
      .header('allow', 'GET, HEAD, OPTIONS')
      .header('cache-control', 'no-store')
      .send(),
  );
}

/** A hook for `onRequest`: lets only requests with this bearer token through, before their body is read. */
export function requireToken(token: string): (request: FastifyRequest) => Promise<void> {
  const expected = digest(token);
  return async (request) => {
    const given = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // Digests are of equal length, so neither the time nor an exception tells anything about the token's length.
    if (given === undefined || !timingSafeEqual(digest(given), expected))
      throw appError('PGB-1601', given === undefined ? 'no bearer token was sent' : 'the token is not the right one');
  };
}

/** What a client sent, decoded; throws PGB-1602 with everything that is wrong with it. */
export function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw appError('PGB-1602', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}

export async function sendError(reply: FastifyReply, error: unknown): Promise<FastifyReply> {
  const known = toAppError(error);
  const { code, hint, message } = describeError(known);
  // The inner words of a defect go to the log; a stranger on the network has no use for them.
  const shown = code === 'PGB-1999' ? 'Internal error' : message;
  if (code === 'PGB-1601') reply.header('www-authenticate', 'Bearer');
  return reply.code(httpStatusOf(code)).send({ code, message: shown, hint });
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
  // `localhost` would make fastify listen twice, with a second server that closes by rules of its own.
  const address = host === 'localhost' ? '127.0.0.1' : host;
  try {
    // In a process of node:cluster the port would otherwise be shared with its siblings, and an answer be that of any of them.
    await app.listen({ host: address, port, exclusive: true });
  } catch (error) {
    const where = `${host}:${String(port)}`;
    switch (systemErrorCode(error)) {
      case 'EADDRINUSE':
        throw appError('PGB-1101', where, { cause: error });
      case 'EACCES':
        throw appError('PGB-1105', `cannot listen on ${where}`, { cause: error });
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        throw appError('PGB-1001', `cannot listen on ${where}: this machine has no such address`, { cause: error });
      default:
        throw error;
    }
  }
  const bound = app.server.address();
  return { host: address, port: typeof bound === 'object' && bound !== null ? bound.port : port };
}

async function closeSoon(app: FastifyInstance): Promise<void> {
  const ended = new AbortController();
  const closed = app.close().finally(() => ended.abort());
  const forced = async (): Promise<void> => {
    if ((await sleep(CLOSE_GRACE_MS, ended.signal)) === 'aborted') return;
    app.server.closeAllConnections();
    await sleep(CLOSE_LAST_MS, ended.signal);
  };
  await Promise.race([closed, forced()]);
}

function fromFastify(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  const code = systemErrorCode(error);
  if (code === 'FST_ERR_HANDLER_TIMEOUT') return appError('PGB-1406', 'the request was not answered in time', { cause: error });
  if (status === 413) return appError('PGB-1604', '', { cause: error });
  if (status >= 400 && status < 500) return appError('PGB-1602', error instanceof Error ? error.message : '', { cause: error });
  return toAppError(error);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
