/**
 * A program of its own: opens sessions, asks each an empty query, and holds them until it is ended. The query is there because a pooler with
 * session pooling gives a client a server only then. When all are open, it says so on stdout as one line of JSON.
 *
 *   crowd.js HOST PORT COUNT USER
 */
import { connect } from 'node:net';
import { EMPTY_QUERY, hear, startupPacket } from './words.ts';

/** As an application with many pools does it; more at a time would measure listen queues. */
const AT_A_TIME = 32;

/** Null when the session is open and has been asked, else why not. */
function open(host: string, port: number, user: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true }, () => socket.write(startupPacket(user)));
    let heard: Buffer = Buffer.alloc(0);
    let isIn = false;
    socket.on('error', (error) => {
      resolve(error.message);
    });
    socket.on('close', () => {
      resolve('the connection was closed');
    });
    socket.on('data', (chunk) => {
      const { ready, refused, rest } = hear(Buffer.concat([heard, chunk]));
      heard = rest;
      if (refused) resolve('the session was refused');
      if (ready === 0) return;
      if (isIn) resolve(null);
      else socket.write(EMPTY_QUERY);
      isIn = true;
    });
  });
}

async function openAll(host: string, port: number, count: number, user: string): Promise<void> {
  let begun = 0;
  let opened = 0;
  let why: string | null = null;
  const openSome = async (): Promise<void> => {
    while (begun < count && why === null) {
      begun += 1;
      const failure = await open(host, port, user);
      if (failure === null) opened += 1;
      else why = failure;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, openSome));
  process.stdout.write(`${JSON.stringify({ opened, why })}\n`);
}

const [host = '', port = '', count = '', user = ''] = process.argv.slice(2);
await openAll(host, Number(port), Number(count), user);
