/**
 * Memory that is read into again must not be memory that is still being written from. Streams of random bytes, cut at random, run through the relay in both
 * directions to readers that dawdle, while other sessions of the same process are reset in the middle: what arrives is what was sent.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Boundary } from '../../../proxy/core/boundary.ts';
import { ClientWatch } from '../../../proxy/core/client-watch.ts';
import { interestIn, MessageWalk } from '../../../proxy/core/message-walk.ts';
import { LOANS_MAX, loans } from '../../../proxy/loans.ts';
import { PASS, Relay, type Flow } from '../../../proxy/relay.ts';
import { sleep } from '../../../shared/runtime/deadline.ts';
import { until } from '../../support/until.ts';
import { destroyPairs, directPair, randomOf } from './socket-pair.ts';

const MEGABYTE = 1_048_576;
const CHUNK_MAX = 200_000;
const DRIBBLE_MAX = 9_000;
const DATA_ROW = 0x44;
const COPY_DATA = 0x64;

afterEach(destroyPairs);

/** Bytes that are the same nowhere, for as long as one looks at them through a window of a buffer. */
function noiseOf(random: () => number): Buffer {
  const noise = Buffer.alloc(MEGABYTE + CHUNK_MAX + 8);
  for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(Math.floor(random() * 0x1_0000_0000), at);
  return noise;
}

/** Sends `total` bytes of messages, as fast as it can or in dribbles, and returns their checksum. Waits for room, as every sender does. */
async function send(socket: Socket, total: number, type: number, noise: Buffer, random: () => number): Promise<string> {
  const hash = createHash('sha256');
  let isDribbling = false;
  for (let sent = 0; sent < total && socket.writable;) {
    if (random() < 0.01) isDribbling = !isDribbling;
    const length = 5 + Math.floor(isDribbling ? random() * DRIBBLE_MAX : random() ** 3 * CHUNK_MAX);
    const from = Math.floor(random() * MEGABYTE);
    const message = Buffer.from(noise.subarray(from, from + length));
    message[0] = type;
    message.writeUInt32BE(length - 1, 1);
    hash.update(message);
    sent += length;
    if (!socket.write(message)) {
      await Promise.race([
        new Promise((resolve) => socket.once('drain', resolve)),
        new Promise((resolve) => socket.once('close', resolve)),
      ]);
    } else if (isDribbling) {
      // The proxy reads every message by itself.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  socket.end();
  return hash.digest('hex');
}

/** Reads to the end with pauses of all lengths, and returns the checksum. */
function receive(socket: Socket, random: () => number): Promise<string> {
  const hash = createHash('sha256');
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk) => {
      hash.update(chunk);
      if (random() > 0.08) return;
      socket.pause();
      setTimeout(() => socket.resume(), random() ** 4 * 60);
    });
    socket.once('end', () => resolve(hash.digest('hex')));
    socket.once('close', () => reject(new Error('broken off')));
  });
}

type Session = { readonly client: Socket; readonly server: Socket; readonly isClosed: () => boolean };

/** `markBytes` null: sockets as the proxy has them; otherwise the relay is hardly ever told to wait. */
async function startSession(flow: Flow | null, markBytes: number | null): Promise<Session> {
  const [client, inner] = markBytes === null ? await directPair('accepted') : await directPair('dialled', markBytes);
  const [server, near] = await directPair('dialled', markBytes ?? undefined);
  let isClosed = false;
  const onClosed = (): void => {
    isClosed = true;
  };
  const relay = new Relay({ client: inner, server: near, flow, onLogin: null, onWatched: () => PASS, onClosed });
  relay.start(Buffer.alloc(0), Buffer.alloc(0));
  return { client, server, isClosed: () => isClosed };
}

function understood(): Flow {
  return { walk: new MessageWalk(interestIn({})), watch: new ClientWatch(), boundary: new Boundary() };
}

describe('bytes through a relay', () => {
  it.each([1, 2, 3, 4])('arrive as they were sent, whoever dawdles and whoever is reset (seed %i)', { timeout: 120_000 }, async (seed) => {
    const random = randomOf(seed);
    const noise = noiseOf(random);
    const whole = Array.from({ length: 8 }, async (_none, index) => {
      const session = await startSession(index % 2 === 0 ? null : understood(), index < 4 ? null : MEGABYTE);
      const { client, server } = session;
      const [up, down, upSeen, downSeen] = await Promise.all([
        send(client, (8 + random() * 8) * MEGABYTE, COPY_DATA, noise, random),
        send(server, (8 + random() * 8) * MEGABYTE, DATA_ROW, noise, random),
        receive(server, random),
        receive(client, random),
      ]);
      expect(downSeen, 'what the server sent').toBe(down);
      expect(upSeen, 'what the client sent').toBe(up);
      await until('the session is over', 10_000, session.isClosed);
    });
    const reset = Array.from({ length: 4 }, async () => {
      await sleep(random() * 300);
      const session = await startSession(null, random() < 0.5 ? null : MEGABYTE);
      const { client, server } = session;
      const ended = Promise.allSettled([
        send(server, 16 * MEGABYTE, DATA_ROW, noise, random),
        send(client, 16 * MEGABYTE, COPY_DATA, noise, random),
        receive(client, random),
        receive(server, random),
      ]);
      await sleep(random() * 60);
      (random() < 0.5 ? client : server).resetAndDestroy();
      await ended;
      await until('a session that was reset is over', 10_000, session.isClosed);
    });
    await Promise.all([...whole, ...reset]);
    // Every loan has ended with its stream.
    const taken = Array.from({ length: LOANS_MAX }, () => loans.take());
    for (const _loan of taken) loans.writeOff();
    expect(taken).not.toContain(null);
  });

  it.each([
    { claim: 'are whole for a reader that tells the truth of what it has flushed', isHonest: true },
    { claim: 'are not for one that lies, or this test could not fail', isHonest: false },
  ])('$claim', { timeout: 60_000 }, async ({ isHonest }) => {
    const random = randomOf(7);
    const [far, near] = await directPair('dialled');
    const [reader, sink] = await directPair('accepted');
    let views = 0;
    const memories = new Set<ArrayBufferLike>();
    near.readDirectly({
      read: (chunk) => {
        if (memories.has(chunk.buffer) && chunk.byteOffset === 0 && chunk.length > CHUNK_MAX / 8) views += 1;
        memories.add(chunk.buffer);
        sink.write(chunk);
      },
      hasFlushed: () => !isHonest || sink.writableLength === 0,
      expectsMore: () => true,
    });
    near.once('end', () => sink.end());
    near.resume();
    // Nobody reads for a while: what the kernel does not take stays with the writer.
    const seen = sleep(300).then(async () => receive(reader, () => 1));
    const sent = await send(far, 32 * MEGABYTE, DATA_ROW, noiseOf(random), random);
    expect((await seen) === sent).toBe(isHonest);
    expect(views).toBeGreaterThan(10);
  });
});
