/**
 * The client's side of a session until there is a server: collects what it sends (bounded) and notices when it leaves. It keeps reading while
 * the client is held, because a client that hung up must give its place back at once.
 */
import type { Socket } from 'node:net';
import { monotonicMs } from '../shared/runtime/clock.ts';
import type { Opening } from './core/startup-parse.ts';
import { OpeningBuffer } from './wire/opening-buffer.ts';

export type ClientRequest = Exclude<Opening, { kind: 'incomplete' }> | { readonly kind: 'gone' } | { readonly kind: 'late' };

export class Inlet {
  readonly #socket: Socket;
  readonly #buffer = new OpeningBuffer();
  readonly #gone = new AbortController();
  #onNews: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
  }

  /** Aborted when the client has left, or has sent more than anybody may send ahead. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get waitingBytes(): number {
    return this.#buffer.length;
  }

  /** The next whole request; it stays in the buffer until `take`. */
  async request(withinMs: number): Promise<ClientRequest> {
    const deadline = monotonicMs() + withinMs;
    for (;;) {
      // Bytes first: a cancel request is good even though its sender hung up behind it.
      const opening = this.#buffer.parse();
      if (opening.kind !== 'incomplete') return opening;
      if (this.#gone.signal.aborted) return { kind: 'gone' };
      const leftMs = deadline - monotonicMs();
      if (leftMs <= 0) return { kind: 'late' };
      await this.#news(leftMs);
    }
  }

  take(length: number): Buffer {
    return this.#buffer.take(length);
  }

  /** Ends the collecting: from here on the socket is somebody else's. Returns what the client sent ahead. */
  detach(): Buffer {
    this.#socket.pause();
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onGone);
    this.#socket.off('close', this.#onGone);
    return this.#buffer.takeAll();
  }

  #news(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#onNews = null;
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#onNews = done;
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#buffer.add(chunk)) {
      this.#socket.destroy();
      this.#onGone();
    }
    this.#onNews?.();
  };

  readonly #onGone = (): void => {
    this.#gone.abort();
    this.#onNews?.();
  };
}
