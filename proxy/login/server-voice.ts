/**
 * The server's messages one after another, for a login that the proxy makes itself. It must never read past what it was asked for without
 * keeping it, and never keep more than one message of bounded size and the chunk behind it.
 */
import type { Socket } from 'node:net';

export type ServerMessage = { readonly type: number; readonly body: Buffer };

const HEADER_BYTES = 5;
/** An error with a long context is the largest message of a login. */
const MAX_MESSAGE_BYTES = 65_536;

export class ServerVoice {
  readonly #socket: Socket;
  #heard: Buffer = Buffer.alloc(0);

  /** `socket` is paused, and is so again whenever nobody waits for `next`. */
  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that belong to a message that nobody has asked for yet. */
  get hasMore(): boolean {
    return this.#heard.length > 0;
  }

  /** Null: the server has gone, or says what is no message. Ends when the socket is destroyed; the deadline is the caller's. */
  async next(): Promise<ServerMessage | null> {
    for (;;) {
      if (this.#heard.length >= HEADER_BYTES) {
        const end = 1 + this.#heard.readUInt32BE(1);
        if (end < HEADER_BYTES || end > MAX_MESSAGE_BYTES) return null;
        if (this.#heard.length >= end) {
          const message = { type: this.#heard[0] ?? 0, body: this.#heard.subarray(HEADER_BYTES, end) };
          this.#heard = this.#heard.subarray(end);
          return message;
        }
      }
      const chunk = await this.#chunk();
      if (chunk === null) return null;
      this.#heard = Buffer.concat([this.#heard, chunk]);
    }
  }

  #chunk(): Promise<Buffer | null> {
    const socket = this.#socket;
    if (socket.destroyed || socket.readableEnded) return Promise.resolve(null);
    return new Promise((resolve) => {
      const settle = (chunk: Buffer | null): void => {
        socket.pause();
        socket.off('data', settle).off('end', onOver).off('close', onOver);
        resolve(chunk);
      };
      const onOver = (): void => {
        settle(null);
      };
      socket.on('data', settle).on('end', onOver).on('close', onOver);
      socket.resume();
    });
  }
}
