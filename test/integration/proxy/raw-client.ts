/** A client that speaks the protocol by hand, and shows what came back byte by byte. */
import { connect, type Socket } from 'node:net';
import { until } from '../../support/until.ts';

export type Message = { readonly type: string; readonly body: Buffer };

export function startupPacket(parameters: Readonly<Record<string, string>>, version = 0x0003_0000): Buffer {
  const text = `${Object.entries(parameters)
    .map(([key, value]) => `${key}\0${value}\0`)
    .join('')}\0`;
  return request(version, Buffer.from(text));
}

export function request(code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + rest.length, 0);
  header.writeUInt32BE(code, 4);
  return Buffer.concat([header, rest]);
}

export function message(type: string, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(5);
  header.write(type, 0);
  header.writeUInt32BE(4 + bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  /** How the connection ended, as this side saw it. */
  ended: 'open' | 'end' | 'reset' = 'open';

  /** A port to connect to, or a connection that is there. */
  constructor(to: number | Socket) {
    this.socket = typeof to === 'number' ? connect({ host: '127.0.0.1', port: to, allowHalfOpen: true }) : to;
    this.socket.on('data', (chunk) => (this.#received = Buffer.concat([this.#received, chunk])));
    this.socket.on('end', () => (this.ended = 'end'));
    this.socket.on('error', () => (this.ended = 'reset'));
  }

  send(bytes: Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  get bytes(): Buffer {
    return this.#received;
  }

  /** Whole messages received so far. */
  get messages(): readonly Message[] {
    const found: Message[] = [];
    for (let at = 0; at + 5 <= this.#received.length;) {
      const end = at + 1 + this.#received.readUInt32BE(at + 1);
      if (end > this.#received.length) break;
      found.push({ type: String.fromCharCode(this.#received[at] ?? 0), body: this.#received.subarray(at + 5, end) });
      at = end;
    }
    return found;
  }

  /** SQLSTATE of the last error received. */
  get errorCode(): string | null {
    const error = this.messages.findLast(({ type }) => type === 'E');
    return error === undefined ? null : (/\0C(.{5})\0/.exec(error.body.toString('latin1'))?.[1] ?? null);
  }

  async until(claim: string, holds: () => boolean, withinMs = 5_000): Promise<void> {
    await until(`${claim}; received ${JSON.stringify(this.#received.toString('latin1').slice(-300))}, ${this.ended}`, withinMs, holds);
  }

  async untilMessage(type: string, count = 1): Promise<void> {
    await this.until(`message ${type}`, () => this.messages.filter((one) => one.type === type).length >= count);
  }

  async untilEnd(): Promise<void> {
    await this.until('the connection ends', () => this.ended !== 'open');
  }

  close(): void {
    this.socket.destroy();
  }
}
