/** TCP connections within the test, one end of which is as the proxy has it. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { readableDirectly } from '../../../proxy/accepted.ts';
import { DirectSocket } from '../../../proxy/direct-socket.ts';

const cleanups: (() => void)[] = [];

/** For `afterEach`. */
export function destroyPairs(): void {
  for (const cleanup of cleanups.splice(0)) cleanup();
}

/**
 * The far end, an ordinary socket, and the near end: the proxy has accepted it from a client, or dialled it to a server. `markBytes`: above this a socket says
 * "wait" to who writes; later versions of Node let more come.
 */
export async function directPair(near: 'accepted' | 'dialled', markBytes = 16_384): Promise<readonly [far: Socket, near: DirectSocket]> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: near === 'accepted' });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const options = { allowHalfOpen: true, noDelay: true, writableHighWaterMark: markBytes };
  const dialled =
    near === 'accepted' ? connect({ ...options, port, host: '127.0.0.1' }) : new DirectSocket(options).connect(port, '127.0.0.1');
  const other = near === 'accepted' ? readableDirectly(await accepted) : await accepted;
  for (const socket of [dialled, other]) {
    socket.on('error', () => undefined);
    cleanups.push(() => socket.destroy());
  }
  cleanups.push(() => server.close());
  const ours = near === 'accepted' ? other : dialled;
  if (!(ours instanceof DirectSocket)) throw new Error('this version of Node does not let accepted sockets be read directly');
  return near === 'accepted' ? [dialled, ours] : [other, ours];
}

/** A small generator, so that a failure can be repeated by its seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
