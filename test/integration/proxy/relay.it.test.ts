/** A relay that is parked again and again while its client goes on sending: every request reaches exactly one server, in order, and is answered once. */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Boundary } from '../../../proxy/core/boundary.ts';
import { ClientWatch } from '../../../proxy/core/client-watch.ts';
import { COUNTED_ANSWERS, FROM_SERVER } from '../../../proxy/core/message-types.ts';
import { interestIn, MessageWalk } from '../../../proxy/core/message-walk.ts';
import { PASS, Relay } from '../../../proxy/relay.ts';
import { sleep } from '../../../shared/runtime/deadline.ts';
import { until } from '../../support/until.ts';
import { message } from './raw-client.ts';
import { AUTH_OK, READY } from './scripted-server.ts';
import { destroyPairs, directPair, randomOf } from './socket-pair.ts';

const INTEREST = interestIn({ noted: [...COUNTED_ANSWERS, FROM_SERVER.readyForQuery] });
const QUERY = 0x51;
const PARAMETER = message('S', 'in_hot_standby\0off\0');

afterEach(destroyPairs);

/** Answers each query with its own text, after a moment of its own. */
class EchoServer {
  readonly heard: string[] = [];
  answered = 0;
  readonly near: Socket;

  private constructor(near: Socket, far: Socket, delayMs: () => number) {
    this.near = near;
    let waiting = Buffer.alloc(0);
    let last: Promise<unknown> = Promise.resolve();
    far.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 5 && waiting.length >= 1 + waiting.readUInt32BE(1)) {
        const end = 1 + waiting.readUInt32BE(1);
        const text = waiting.subarray(5, end - 1).toString();
        waiting = waiting.subarray(end);
        this.heard.push(text);
        last = last.then(async () => {
          await sleep(delayMs());
          far.write(Buffer.concat([message('C', `${text}\0`), READY]));
          this.answered += 1;
        });
      }
    });
    near.pause();
  }

  static async start(delayMs: () => number): Promise<EchoServer> {
    const [far, near] = await directPair('dialled');
    return new EchoServer(near, far, delayMs);
  }
}

function relayBetween(
  client: Socket,
  server: Socket,
  onClosed: () => void = () => undefined,
  onLogin: ((chunk: Buffer) => void) | null = null,
): Relay {
  return new Relay({
    client,
    server,
    flow: { walk: new MessageWalk(INTEREST), watch: new ClientWatch(), boundary: new Boundary() },
    onLogin,
    onWatched: () => PASS,
    onClosed,
  });
}

/** What the client hears: the texts of CommandComplete, in order, and how many reports came in between. */
function listen(client: Socket): { readonly answers: string[]; reports: number } {
  const heard = { answers: [] as string[], reports: 0 };
  let waiting = Buffer.alloc(0);
  client.on('data', (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 5 && waiting.length >= 1 + waiting.readUInt32BE(1)) {
      const end = 1 + waiting.readUInt32BE(1);
      if (waiting[0] === 0x43) heard.answers.push(waiting.subarray(5, end - 1).toString());
      if (waiting[0] === 0x53) heard.reports += 1;
      waiting = waiting.subarray(end);
    }
  });
  return heard;
}

describe('a relay that is parked', () => {
  it.each([1, 2, 3, 4, 5, 6])('loses, repeats and swaps nothing, however the bytes are cut (seed %i)', async (seed) => {
    const random = randomOf(seed);
    const delayMs = (): number => Math.floor(random() * 3);
    const [client, inner] = await directPair('accepted');
    const heard = listen(client);
    let server = await EchoServer.start(delayMs);
    const servers = [server];
    const relay = relayBetween(inner, server.near);
    relay.start(Buffer.concat([AUTH_OK, READY]), Buffer.alloc(0));
    const texts = Array.from({ length: 300 }, (_none, index) => `${String(index)}${'x'.repeat(Math.floor(random() * 200))}`);
    const bytes = Buffer.concat(texts.map((text) => message(String.fromCharCode(QUERY), `${text}\0`)));
    const sending = (async () => {
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + 1 + Math.floor(random() * 250));
        client.write(bytes.subarray(at, end));
        at = end;
        await sleep(Math.floor(random() * 8));
      }
    })();
    let adopted = 0;
    while (heard.answers.length < texts.length) {
      await sleep(Math.floor(random() * 12));
      const parking = relay.park();
      if (random() < 0.2) relay.unpark();
      const outcome = await parking;
      if (outcome === 'stays') continue;
      expect(outcome).toBe('parked');
      // Nothing is under way: whatever this server was given it has answered.
      expect(server.answered).toBe(server.heard.length);
      const lent = relay.lendServer();
      expect(lent).toBe(server.near);
      if (random() < 0.3) {
        expect(relay.adopt(server.near, Buffer.alloc(0))).toBe(true);
        continue;
      }
      server.near.destroy();
      server = await EchoServer.start(delayMs);
      servers.push(server);
      expect(relay.adopt(server.near, PARAMETER)).toBe(true);
      adopted += 1;
    }
    await sending;
    expect(heard.answers).toEqual(texts);
    expect(servers.flatMap((one) => one.heard)).toEqual(texts);
    await until('every new server was reported', 5_000, () => heard.reports === adopted);
    expect(adopted).toBeGreaterThan(3);
  });

  it('ends with its client when that leaves meanwhile, and is not adopted any more', async () => {
    const [client, inner] = await directPair('accepted');
    const server = await EchoServer.start(() => 0);
    let closed = false;
    const relay = relayBetween(inner, server.near, () => {
      closed = true;
    });
    relay.start(Buffer.concat([AUTH_OK, READY]), Buffer.alloc(0));
    expect(await relay.park()).toBe('parked');
    relay.lendServer()?.destroy();
    client.resetAndDestroy();
    inner.destroy();
    await until('the session is over', 5_000, () => closed);
    const other = await EchoServer.start(() => 0);
    expect(relay.adopt(other.near, PARAMETER)).toBe(false);
  });

  it('lets somebody who is logging in come to the end of it, and tells of what he says', async () => {
    const [client, inner] = await directPair('accepted');
    const [far, near] = await directPair('dialled');
    const said: Buffer[] = [];
    const relay = relayBetween(
      inner,
      near,
      () => undefined,
      (chunk) => said.push(chunk),
    );
    near.pause();
    relay.start(message('R', Buffer.from([0, 0, 0, 3])), Buffer.alloc(0));
    const parking = relay.park();
    const answer = message('p', 'secret\0');
    client.write(answer);
    await new Promise<void>((resolve) => {
      far.once('data', () => resolve());
    });
    expect(Buffer.concat(said).equals(answer)).toBe(true);
    far.write(Buffer.concat([AUTH_OK, READY]));
    expect(await parking).toBe('parked');
  });

  it.each(['has begun', 'begins meanwhile'])('is not waited for when a stream of WAL %s, and the stream goes on', async (how) => {
    const [client, inner] = await directPair('accepted');
    const [far, near] = await directPair('dialled');
    const relay = relayBetween(inner, near);
    near.pause();
    relay.start(Buffer.concat([AUTH_OK, READY]), Buffer.alloc(0));
    const heard = { client: '', server: '' };
    client.on('data', (chunk) => (heard.client += chunk.toString('latin1')));
    far.on('data', (chunk) => (heard.server += chunk.toString('latin1')));
    client.write(message('Q', 'START_REPLICATION 0/0\0'));
    await until('the server is asked', 5_000, () => heard.server.includes('START'));
    const early = how === 'begins meanwhile' ? relay.park() : null;
    far.write(Buffer.concat([message('W', Buffer.from([0, 0, 0])), message('d', 'some WAL')]));
    await until('the stream has begun', 5_000, () => heard.client.includes('some WAL'));
    expect(await (early ?? relay.park())).toBe('stays');
    client.write(message('d', 'some reply'));
    await until('the stream goes on', 5_000, () => heard.server.includes('some reply'));
  });

  it('tells its client the error when it is cut', async () => {
    const [client, inner] = await directPair('accepted');
    const server = await EchoServer.start(() => 0);
    const relay = relayBetween(inner, server.near);
    relay.start(Buffer.concat([AUTH_OK, READY]), Buffer.alloc(0));
    expect(await relay.park()).toBe('parked');
    relay.lendServer()?.destroy();
    const words: Buffer[] = [];
    client.on('data', (chunk) => words.push(chunk));
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    relay.cut(message('E', 'C57P01\0\0'));
    await ended;
    expect(Buffer.concat(words).includes('57P01')).toBe(true);
  });
});
