// What an agent says to the proxies that are listed, over real HTTP, and what it makes of those that do not answer.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ProxyClient } from '../../../../agent/peer/proxy-client.ts';
import { FakeDcs } from '../../../../shared/dcs/fake-dcs.ts';
import { FakeStore } from '../../../../shared/dcs/fake-store.ts';
import { keysOf } from '../../../../shared/dcs/keys.ts';
import { encodeProxy } from '../../../../shared/dcs/records.ts';
import { N1, N2, operationOf } from '../../../support/facts-builder.ts';

const TOKEN = 'a token of the peers';
const NEVER = new AbortController().signal;
const keys = keysOf('test');
const OPERATION = operationOf();

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

type Heard = { readonly path: string; readonly token: string | undefined; readonly body: unknown };

async function proxy(answer: (path: string) => string | null): Promise<{ readonly url: string; readonly heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const path = request.url ?? '';
      heard.push({ path, token: request.headers.authorization, body: JSON.parse(body) });
      const text = answer(path);
      if (text !== null) response.setHeader('content-type', 'application/json').end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, heard };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function clientOf(urls: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<ProxyClient> {
  const dcs = new FakeDcs(new FakeStore());
  for (const [index, url] of urls.entries()) {
    const id = `p${String(index)}`;
    await dcs.put({ key: keys.proxy(id), value: encodeProxy({ id, rwPort: 1, roPort: 2, url }) }, { budgetMs: 100, signal: NEVER });
  }
  for (const [key, value] of Object.entries(more)) await dcs.put({ key, value }, { budgetMs: 100, signal: NEVER });
  const client = new ProxyClient({ dcs, keys, token: TOKEN });
  cleanups.push(() => client.close());
  return client;
}

test('every listed proxy is told with the token, and their sessions are added up', async () => {
  const [one, two] = [await proxy(() => '{"sessions":3}'), await proxy(() => '{"sessions":4}')];
  const client = await clientOf([one.url, two.url], { [keys.proxy('rubbish')]: 'no proxy' });
  expect(await client.park({ kind: 'park-clients', operation: OPERATION, phase: 'announce', deadlineMs: 1_000 }, NEVER)).toEqual({
    proxies: 2,
    sessions: 7,
  });
  expect(one.heard).toMatchObject([
    { path: '/move/announce', token: `Bearer ${TOKEN}`, body: { operation: 'move-1', from: N1, to: N2, epoch: '4' } },
  ]);
  await client.park({ kind: 'park-clients', operation: OPERATION, phase: 'park', deadlineMs: 1_000 }, NEVER);
  expect(two.heard.map(({ path }) => path)).toEqual(['/move/announce', '/move/park']);
});

test('one that is silent or talks nonsense is not waited for, and the others count', async () => {
  const [good, silent, odd] = [await proxy(() => '{"sessions":5}'), await proxy(() => null), await proxy(() => '{"sessions":"many"}')];
  const client = await clientOf([good.url, silent.url, odd.url]);
  const startedAtMs = performance.now();
  expect(await client.park({ kind: 'park-clients', operation: OPERATION, phase: 'park', deadlineMs: 200 }, NEVER)).toEqual({
    proxies: 1,
    sessions: 5,
  });
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
});

test('without any proxy the move goes on at once', async () => {
  const client = await clientOf([]);
  expect(await client.park({ kind: 'park-clients', operation: OPERATION, phase: 'park', deadlineMs: 60_000 }, NEVER)).toEqual({
    proxies: 0,
    sessions: 0,
  });
});
