import { request } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ERRORS } from '../../../../shared/error-codes.ts';
import { appError } from '../../../../shared/errors.ts';
import { httpJson } from '../../../../shared/http/client.ts';
import { httpStatusOf } from '../../../../shared/http/http-status.ts';
import { addHealthRoute, createHttpServer, requireToken } from '../../../../shared/http/server.ts';
import type { HttpServer, HttpServerOptions } from '../../../../shared/http/server.ts';
import { monotonicMs } from '../../../../shared/runtime/clock.ts';

const opened: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (server) => server.close()));
});

async function serve(
  routes: (server: HttpServer) => void,
  options: Partial<HttpServerOptions> = {},
): Promise<{ readonly url: string; readonly port: number; readonly server: HttpServer }> {
  const server = createHttpServer({ host: '127.0.0.1', port: 0, ...options });
  opened.push(server);
  routes(server);
  const { port } = await server.listen();
  return { url: `http://127.0.0.1:${String(port)}`, port, server };
}

async function raw(
  url: string,
  method: string,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly body: string; readonly allow: string | undefined }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, allow: response.headers.allow }));
    });
    outgoing.on('error', reject).end();
  });
}

describe('errors', () => {
  it('travel as code, message and hint with a fitting status', async () => {
    const { url } = await serve(({ app }) => {
      app.get('/no-leader', async () => {
        throw appError('PGB-1405', '');
      });
    });
    await expect(httpJson({ url: `${url}/no-leader`, timeoutMs: 2_000 })).resolves.toEqual({
      kind: 'ok',
      status: 503,
      body: { code: 'PGB-1405', message: ERRORS['PGB-1405'].title, hint: ERRORS['PGB-1405'].hint },
    });
  });

  it('that nobody expected are logged, and told without their inner words', async () => {
    const logged: string[] = [];
    const { url } = await serve(
      ({ app }) => {
        app.get('/broken', async () => {
          throw new Error('inner words');
        });
      },
      { logger: { error: (fields) => void logged.push(String(fields['err'])) } },
    );
    const { body, status } = await raw(`${url}/broken`, 'GET');
    expect(status).toBe(500);
    expect(body).not.toContain('inner words');
    expect(logged).toEqual(['Error: inner words']);
  });

  it('of the client have codes too', async () => {
    const { url } = await serve(({ app }) => void app.post('/echo', async (incoming) => incoming.body), { bodyLimitBytes: 100 });
    const status = async (path: string, body: unknown): Promise<unknown> => {
      const outcome = await httpJson({ url: url + path, method: 'POST', body, timeoutMs: 2_000 });
      return outcome.kind === 'ok' ? [outcome.status, (outcome.body as { readonly code: string }).code] : outcome;
    };
    await expect(status('/nowhere?token=x', {})).resolves.toEqual([404, 'PGB-1603']);
    await expect(status('/echo', { long: 'x'.repeat(200) })).resolves.toEqual([413, 'PGB-1604']);
    const { body } = await raw(`${url}/echo`, 'POST', { 'content-type': 'text/plain', 'content-length': '0' });
    expect(body === '' || body.includes('PGB-1602')).toBe(true);
  });

  it('have a failing status for every code', () => {
    const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[];
    for (const code of codes) expect(httpStatusOf(code)).toBeGreaterThanOrEqual(400);
  });

  it('tell a handler that takes too long from one that failed', async () => {
    const { url } = await serve(({ app }) => void app.get('/slow', async () => new Promise(() => undefined)), { requestTimeoutMs: 50 });
    await expect(httpJson({ url: `${url}/slow`, timeoutMs: 5_000 })).resolves.toMatchObject({
      kind: 'ok',
      status: 504,
      body: { code: 'PGB-1406' },
    });
  });
});

describe('health routes', () => {
  it('answer GET with a body, HEAD and OPTIONS without one, all with the same status', async () => {
    let healthy = true;
    const { url } = await serve(({ app }) => addHealthRoute(app, '/primary', () => ({ healthy, body: { healthy } })));
    for (const expected of [200, 503]) {
      healthy = expected === 200;
      await expect(raw(`${url}/primary`, 'GET')).resolves.toMatchObject({ status: expected, body: JSON.stringify({ healthy }) });
      await expect(raw(`${url}/primary`, 'HEAD')).resolves.toMatchObject({ status: expected, body: '' });
      await expect(raw(`${url}/primary?lag=1`, 'OPTIONS')).resolves.toMatchObject({
        status: expected,
        body: '',
        allow: 'GET, HEAD, OPTIONS',
      });
    }
  });
});

describe('requireToken', () => {
  it('lets only the right bearer token through', async () => {
    const { url } = await serve(
      ({ app }) => void app.post('/order', { onRequest: requireToken('right-token') }, async () => ({ done: true })),
    );
    const order = async (token?: string): Promise<unknown> =>
      httpJson({ url: `${url}/order`, method: 'POST', body: {}, timeoutMs: 2_000, ...(token === undefined ? {} : { token }) });
    await expect(order('right-token')).resolves.toMatchObject({ status: 200, body: { done: true } });
    await expect(order('wrong-token')).resolves.toMatchObject({ status: 401, body: { code: 'PGB-1601' } });
    await expect(order('right-token-and-more')).resolves.toMatchObject({ status: 401 });
    await expect(order()).resolves.toMatchObject({ status: 401 });
    await expect(raw(`${url}/order`, 'POST', { authorization: 'Basic right-token' })).resolves.toMatchObject({ status: 401 });
  });
});

describe('listen', () => {
  it('says which port is taken', async () => {
    const { port } = await serve(() => undefined);
    const second = createHttpServer({ host: '127.0.0.1', port });
    opened.push(second);
    await expect(second.listen()).rejects.toMatchObject({ code: 'PGB-1101', detail: `127.0.0.1:${String(port)}` });
  });

  it('says when the address is not this machine’s', async () => {
    const server = createHttpServer({ host: '192.0.2.1', port: 0 });
    opened.push(server);
    await expect(server.listen()).rejects.toMatchObject({ code: 'PGB-1001' });
  });

  it('takes localhost for one address', async () => {
    const { url } = await serve(({ app }) => void app.get('/x', async () => ({ x: 1 })), { host: 'localhost' });
    await expect(httpJson({ url: `${url}/x`, timeoutMs: 2_000 })).resolves.toMatchObject({ status: 200, body: { x: 1 } });
  });
});

describe('close', () => {
  it('ends soon although a handler never answers and a client sends half a request', async () => {
    let arrived = false;
    const { port, server, url } = await serve(
      ({ app }) =>
        void app.get('/hang', async () => {
          arrived = true;
          return new Promise(() => undefined);
        }),
      { requestTimeoutMs: 60_000 },
    );
    const hanging = httpJson({ url: `${url}/hang`, timeoutMs: 30_000 });
    const half = connect(port, '127.0.0.1');
    half.on('error', () => undefined);
    half.write('GET /hang HTTP/1.1\r\nHost: x\r\n');
    while (!arrived) await turn();
    const startedMs = monotonicMs();
    await Promise.all([server.close(), server.close()]);
    expect(monotonicMs() - startedMs).toBeLessThan(3_000);
    await expect(hanging).resolves.toMatchObject({ kind: 'failed' });
    half.destroy();
  });

  it('is at once when nobody is connected', async () => {
    const { server } = await serve(() => undefined);
    const startedMs = monotonicMs();
    await server.close();
    expect(monotonicMs() - startedMs).toBeLessThan(900);
  });
});
