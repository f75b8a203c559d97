/** Stands in for a PostgreSQL whose every word the test decides. */
import { createServer, type Server, type Socket } from 'node:net';
import { message } from './raw-client.ts';

export const AUTH_OK = message('R', Buffer.from([0, 0, 0, 0]));
export const READY = message('Z', 'I');

export function backendKey(pid: number, secret: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(pid);
  return message('K', Buffer.concat([head, secret]));
}

export function fatal(code: string, text: string): Buffer {
  return message('E', `SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
}

export class ScriptedServer {
  /** What every accepted client sent. */
  readonly heard: Buffer[] = [];
  readonly sockets: Socket[] = [];
  readonly #server: Server;
  /** Called with the first bytes of every connection. */
  onFirst: (socket: Socket, bytes: Buffer) => void = (socket) => socket.write(Buffer.concat([AUTH_OK, READY]));
  port = 0;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const index = this.sockets.push(socket) - 1;
      this.heard.push(Buffer.alloc(0));
      socket.on('error', () => socket.destroy());
      socket.on('end', () => socket.end());
      socket.on('data', (chunk) => {
        const first = this.heard[index]?.length === 0;
        this.heard[index] = Buffer.concat([this.heard[index] ?? Buffer.alloc(0), chunk]);
        if (first) this.onFirst(socket, chunk);
      });
    });
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
