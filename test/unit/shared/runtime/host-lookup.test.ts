import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HostLookup, lookupHost } from '../../../../shared/runtime/host-lookup.ts';

type Question = { readonly host: string; readonly answer: (address: string) => void; readonly fail: (code: string) => void };

/** A name server that answers when the test says so. */
function nameServer(): { readonly lookup: HostLookup; readonly questions: Question[] } {
  const questions: Question[] = [];
  const ask = async (host: string): Promise<readonly LookupAddress[]> =>
    new Promise((resolve, reject) => {
      questions.push({
        host,
        answer: (address) => resolve([{ address, family: 4 }]),
        fail: (code) => reject(Object.assign(new Error(code), { code })),
      });
    });
  return { lookup: new HostLookup(ask), questions };
}

async function known(): Promise<ReturnType<typeof nameServer>> {
  const server = nameServer();
  const first = server.lookup.addresses('n1');
  server.questions.shift()?.answer('10.0.0.1');
  expect(await first).toEqual([{ address: '10.0.0.1', family: 4 }]);
  return server;
}

describe('the lookup of host names', () => {
  it('asks once at a time for a name, however many want to know', async () => {
    const { lookup, questions } = nameServer();
    const all = Array.from({ length: 20 }, async () => lookup.addresses('n1'));
    void lookup.addresses('n2').catch(() => undefined);
    expect(questions.map(({ host }) => host)).toEqual(['n1', 'n2']);
    questions[0]?.answer('10.0.0.1');
    expect((await Promise.all(all)).every(([found]) => found?.address === '10.0.0.1')).toBe(true);
  });

  it('believes the name server rather than its memory', async () => {
    const { lookup, questions } = await known();
    const moved = lookup.addresses('n1');
    questions[0]?.answer('10.0.0.2');
    expect(await moved).toEqual([{ address: '10.0.0.2', family: 4 }]);
  });

  it('goes on with the last answer while the next one is late, and asks no second question meanwhile', async () => {
    const { lookup, questions } = await known();
    expect(await lookup.addresses('n1')).toEqual([{ address: '10.0.0.1', family: 4 }]);
    expect(await lookup.addresses('n1')).toEqual([{ address: '10.0.0.1', family: 4 }]);
    expect(questions).toHaveLength(1);
  });

  it('tells a name that is gone from a name server that does not answer', async () => {
    const { lookup, questions } = await known();
    const unanswered = lookup.addresses('n1');
    questions.shift()?.fail('EAI_AGAIN');
    expect(await unanswered).toEqual([{ address: '10.0.0.1', family: 4 }]);
    const gone = lookup.addresses('n1');
    questions.shift()?.fail('ENOTFOUND');
    await expect(gone).rejects.toThrow('ENOTFOUND');
    const stillGone = lookup.addresses('n1');
    questions.shift()?.fail('EAI_AGAIN');
    await expect(stillGone).rejects.toThrow('EAI_AGAIN');
  });

  it('serves sockets as their own lookup would', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const options of [{}, { family: 4 }, { autoSelectFamily: false, family: 4 }]) {
      const socket = connect({ host: 'localhost', port, lookup: lookupHost, ...options });
      await once(socket, 'connect');
      socket.destroy();
    }
    const lost = connect({ host: 'no-such-host.invalid', port, lookup: lookupHost });
    const [error] = (await once(lost, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    server.close();
  });
});
