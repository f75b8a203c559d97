/**
 * One of the two doors: accepts clients and makes each a session. It must never accept without bound, and on close must leave no socket behind.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { appError } from '../shared/errors.ts';
import { readableDirectly } from './accepted.ts';
import type { Port } from './core/admission.ts';
import { KEEP_ALIVE_MS } from './dial.ts';

import type { SessionInfo } from './session-info.ts';
import { Session, type SessionDeps } from './session.ts';

export type ListenOptions = {
  readonly host: string;
  readonly port: number;
  readonly serves: Port;
  /** More clients than this are turned away. */ readonly maxConnections: number;
};

/** How long a session may take to end on its own when the proxy stops. */
const CLOSE_MS = 1_500;

export class Listener {
  readonly #options: ListenOptions;
  readonly #deps: SessionDeps;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly #sockets = new Set<Socket>();
  #closed: Promise<void> | null = null;

  constructor(options: ListenOptions, deps: SessionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
      this.#onClient,
    );
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('drop', () => {
      deps.router.countRefusal();
    });
  }

  /** The port that was bound (an asked-for 0 means any). */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      // Stays: a failed accept later on concerns that one client, not the process.
      this.#server.on('error', (error: NodeJS.ErrnoException) => {
        this.#deps.log.warn({ port: this.#options.serves, error: error.message }, 'listener.error');
        reject(error.code === 'EADDRINUSE' ? appError('PGB-1101', `${host}:${String(port)}`, { cause: error }) : error);
      });
      this.#server.listen(port, host, () => {
        const bound = this.#server.address();
        resolve(bound !== null && typeof bound === 'object' ? bound.port : port);
      });
    });
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** The first `limit` of them, the oldest first. */
  sessions(limit: number): readonly SessionInfo[] {
    const infos: SessionInfo[] = [];
    for (const session of this.#sessions) {
      if (infos.length >= limit) break;
      infos.push(session.info);
    }
    return infos;
  }

  /** Frees the port; whoever is there stays. Resolves when the last one has gone. */
  stopAccepting(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    return this.#closed;
  }

  /** Ends every session that has a server, with the words of a shutdown. */
  cutAll(why: string): void {
    for (const session of [...this.#sessions]) if (session.attached) session.depose(why);
  }

  async close(): Promise<void> {
    const closed = this.stopAccepting();
    for (const session of this.#sessions) session.shutDown();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.resetAndDestroy();
    }, CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  readonly #onClient = (accepted: Socket): void => {
    const socket = readableDirectly(accepted);
    this.#sockets.add(socket);
    // An error without a listener would end the process; whoever uses the socket sees its 'close'.
    socket.on('error', (error) => {
      this.#deps.log.trace({ port: this.#options.serves, error: error.message }, 'client.socket-error');
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
    });
    const session = new Session(this.#deps, this.#options.serves, socket, () => {
      this.#sessions.delete(session);
    });
    this.#sessions.add(session);
    session.run().catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'session.failed');
      socket.destroy();
      this.#sessions.delete(session);
    });
  };
}
