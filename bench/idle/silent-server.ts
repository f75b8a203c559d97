/**
 * A program of its own: stands in for a PostgreSQL with more sessions than a PostgreSQL could have here. It lets everybody in, answers a query with
 * nothing, and is silent otherwise. It says on stdout that it listens.
 *
 *   silent-server.js HOST PORT
 */
import { createServer, type Socket } from 'node:net';
import { LOGIN_DONE, QUERY_DONE, QUERY_TYPE, SSL_DECLINED, SSL_REQUEST_CODE, TERMINATE_TYPE } from './words.ts';

const CODE_AT = 4;
const REQUEST_BYTES = 8;

/** The few words of a client come in one piece each on a loopback: a session is at its first, and then every chunk begins with a message. */
function serve(socket: Socket): void {
  let isIn = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    if (!isIn && chunk.length === REQUEST_BYTES && chunk.readUInt32BE(CODE_AT) === SSL_REQUEST_CODE) {
      socket.write(SSL_DECLINED);
    } else if (!isIn) {
      isIn = true;
      socket.write(LOGIN_DONE);
    } else if (chunk[0] === QUERY_TYPE) {
      socket.write(QUERY_DONE);
    } else if (chunk[0] === TERMINATE_TYPE) {
      socket.end();
    }
  });
}

const [host = '', port = ''] = process.argv.slice(2);
createServer(serve).listen({ host, port: Number(port), backlog: 4_096 }, () => process.stdout.write('listening\n'));
