/** A socket that is read directly is a socket like any other for everybody else, and keeps no more than it needs. */
import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readableDirectly } from '../../../proxy/accepted.ts';
import { DirectSocket, type Reader } from '../../../proxy/direct-socket.ts';
import { LOANS_MAX, loans } from '../../../proxy/loans.ts';
import { until } from '../../support/until.ts';
import { destroyPairs, directPair } from './socket-pair.ts';

const BULK = Buffer.alloc(1_000_000, 'bulk');

afterEach(destroyPairs);

type Heard = Reader & { readonly chunks: Buffer[]; flushed: boolean };

function reader(expectsMore = true): Heard {
  const heard: Heard = {
    chunks: [],
    flushed: true,
    read: (chunk) => {
      heard.chunks.push(chunk);
    },
    hasFlushed: () => heard.flushed,
    expectsMore: () => expectsMore,
  };
  return heard;
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString();
}

/** The memory of chunks that were not copied. */
function loansAmong(chunks: readonly Buffer[]): ReadonlySet<ArrayBufferLike> {
  const memories = chunks.filter(({ length }) => length >= 16_384).map(({ buffer }) => buffer);
  return new Set(memories.filter((memory, at) => memories.indexOf(memory) !== at));
}

describe('a socket that can be read directly', () => {
  it('gives its listeners chunks of their own when nobody does so', async () => {
    const [far, near] = await directPair('dialled');
    const chunks: Buffer[] = [];
    near.on('data', (chunk) => chunks.push(chunk));
    for (const word of ['one', 'two', 'six']) {
      const before = chunks.length;
      far.write(word);
      await until('the word has come', 5_000, () => chunks.length > before);
    }
    expect(chunks.map(String)).toEqual(['one', 'two', 'six']);
    far.end();
    await once(near, 'end');
  });

  it('begins with what came before its reader, and gives the rest to listeners again when that has gone', async () => {
    const [far, near] = await directPair('dialled');
    near.pause();
    near.unshift(Buffer.from('before '));
    const heard = reader();
    near.readDirectly(heard);
    far.write('during');
    near.resume();
    await until('the reader has it', 5_000, () => textOf(heard.chunks) === 'before during');
    near.pause();
    near.stopReadingDirectly();
    far.write('after');
    near.resume();
    const [chunk] = (await once(near, 'data')) as [Buffer];
    expect(String(chunk)).toBe('after');
    expect(textOf(heard.chunks)).toBe('before during');
  });

  it('gives its reader nothing while it is paused, even if Node reads once more', async () => {
    const [far, near] = await directPair('accepted');
    const heard = reader();
    near.readDirectly(heard);
    near.pause();
    far.write('early ');
    // What Node does by itself when a pause follows a resume at once.
    near.read(0);
    await until('it is read', 5_000, () => near.readableLength > 0);
    far.write('late');
    expect(heard.chunks).toEqual([]);
    near.resume();
    await until('both come in order', 5_000, () => textOf(heard.chunks) === 'early late');
  });

  it('reads nothing while it is paused', async () => {
    const [far, near] = await directPair('accepted');
    const heard = reader();
    near.readDirectly(heard);
    near.pause();
    far.write('early');
    const [other, otherNear] = await directPair('accepted');
    other.write('late');
    await once(otherNear, 'data');
    expect(heard.chunks).toEqual([]);
    near.resume();
    await until('it is read now', 5_000, () => textOf(heard.chunks) === 'early');
  });

  it.each([
    { claim: 'takes a loan while a bulk stream flows', flushed: true, expectsMore: true, loansSeen: 1 },
    { claim: 'copies everything for a reader that does not get rid of it', flushed: false, expectsMore: true, loansSeen: 0 },
    { claim: 'copies everything when nothing more is expected', flushed: true, expectsMore: false, loansSeen: 0 },
  ])('$claim', async ({ flushed, expectsMore, loansSeen }) => {
    const [far, near] = await directPair('dialled');
    const heard = reader(expectsMore);
    heard.flushed = flushed;
    near.readDirectly(heard);
    far.write(BULK, () => near.resume());
    await until('all of it was read', 5_000, () => heard.chunks.reduce((sum, { length }) => sum + length, 0) === BULK.length);
    expect(loansAmong(heard.chunks).size).toBe(loansSeen);
  });

  it('lends nobody the memory that a socket has left behind half written', async () => {
    const seen = new Set<ArrayBufferLike>();
    for (const flushed of [false, false, true, true]) {
      const [far, near] = await directPair('dialled');
      const heard = reader();
      near.readDirectly(heard);
      far.write(BULK, () => near.resume());
      await until('a loan is in use', 5_000, () => loansAmong(heard.chunks).size > 0);
      const [loan] = loansAmong(heard.chunks);
      if (loan === undefined) throw new Error('no loan');
      // Neither of the first two comes back; the third is free for the fourth.
      expect(seen.has(loan)).toBe(seen.size === 3);
      seen.add(loan);
      heard.flushed = flushed;
      near.destroy();
      await once(near, 'close');
    }
    const taken = Array.from({ length: LOANS_MAX + 1 }, () => loans.take());
    expect(taken.indexOf(null)).toBe(LOANS_MAX);
    for (const loan of taken) if (loan !== null) loans.writeOff();
  });
});

describe('an accepted socket', () => {
  it('can be read directly on this version of Node, knows its ends, and counts for its server until it closes', async () => {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.maxConnections = 1;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const client = connect(port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const near = readableDirectly(accepted);
    expect(near).toBeInstanceOf(DirectSocket);
    expect(near.remotePort).toBe(client.localPort);
    expect(near.allowHalfOpen).toBe(true);
    const second = connect(port, '127.0.0.1');
    await once(server, 'drop');
    second.destroy();
    let isOver = false;
    server.close(() => {
      isOver = true;
    });
    client.end();
    near.resume();
    await once(near, 'end');
    expect(isOver).toBe(false);
    near.end('words');
    expect(String(((await once(client, 'data')) as [Buffer])[0])).toBe('words');
    await until('the server has closed', 5_000, () => isOver);
  });

  it('stays what it is when it is not as expected', () => {
    const closed = new Socket();
    expect(readableDirectly(closed)).toBe(closed);
  });
});
