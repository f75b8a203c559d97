/**
 * A TCP relay in front of one server, to put a network between a test and etcd: it can swallow what the server says (a reply is lost after
 * the request arrived), hold new connections back, or cut everything.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type TcpGate = {
  readonly url: string;
  /** True: bytes from the server to the client are dropped. Connections that lost some are cut when it ends; they cannot go on. */
  readonly swallowReplies: (on: boolean) => void;
  /** True: new connections are accepted but not yet passed on. */
  readonly holdNew: (on: boolean) => void;
  readonly heldCount: () => number;
  readonly cutAll: () => void;
  readonly close: () => Promise<void>;
};

export async function openTcpGate(targetUrl: string): Promise<TcpGate> {
  const gate = new Gate(new URL(targetUrl));
  await gate.listen();
  return gate;
}

class Gate implements TcpGate {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #damaged = new Set<Socket>();
  readonly #held = new Set<Socket>();
  #swallows = false;
  #holds = false;

  constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get url(): string {
    return `${this.#target.protocol}//127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  swallowReplies(on: boolean): void {
    this.#swallows = on;
    if (!on) for (const socket of this.#damaged) socket.destroy();
  }

  holdNew(on: boolean): void {
    this.#holds = on;
    if (on) return;
    for (const client of this.#held) this.#relay(client);
    this.#held.clear();
  }

  heldCount(): number {
    return this.#held.size;
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await once(this.#server.close(), 'close');
  }

  #accept(client: Socket): void {
    this.#track(client);
    if (this.#holds) this.#held.add(client.pause());
    else this.#relay(client);
  }

  #relay(client: Socket): void {
    if (client.destroyed) return;
    const server = connect(Number(this.#target.port), this.#target.hostname);
    this.#track(server);
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => {
      if (this.#swallows) this.#damaged.add(server);
      else if (!this.#damaged.has(server)) client.write(chunk);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    client.resume();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#damaged.delete(socket);
      this.#held.delete(socket);
    });
  }
}
