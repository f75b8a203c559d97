/**
 * The guard's ear: a Unix socket for agents of the same user, JSON lines in and out. Parses strictly, answers every call, pushes every
 * change. It decides nothing. One guard to a data directory: the lock below.
 */
import { createHash } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { appError, messageOf, systemErrorCode } from '../../shared/errors.ts';
import type { Guard } from './guard.ts';
import { LineReader } from './json-lines.ts';
import type { Log } from './log.ts';
import type { GuardCall, GuardLine, GuardReply } from './protocol.ts';

/** An agent that does not read its events is frozen or gone; it reads the status anew when it comes back. */
const UNREAD_BYTES_MAX = 1_048_576;

const epochText = z.string().regex(/^\d{1,20}$/);
const purpose = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('standby') }),
  z.strictObject({ kind: z.literal('primary'), epoch: epochText }),
]);
const request = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('status') }),
  z.strictObject({ kind: z.literal('start'), purpose, argv: z.array(z.string()).min(1) }),
  z.strictObject({ kind: z.literal('signal'), signal: z.enum(['reload', 'fast']) }),
  z.strictObject({ kind: z.literal('promote'), epoch: epochText }),
  z.strictObject({ kind: z.literal('kill'), budgetMs: z.number().min(0) }),
  z.strictObject({ kind: z.literal('deadline'), epoch: epochText, untilMs: z.number().nullable() }),
  z.strictObject({ kind: z.literal('quit') }),
]);
const call = z.strictObject({ id: z.int(), request });

export class GuardServer {
  readonly #server: Server;
  readonly #agents = new Set<Socket>();
  readonly #guard: Guard;
  readonly #log: Log;
  readonly #onQuit: () => void;

  constructor(guard: Guard, log: Log, onQuit: () => void) {
    this.#guard = guard;
    this.#log = log;
    this.#onQuit = onQuit;
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  /** The caller holds the lock of the data directory, so a socket that is already there belongs to a dead guard. */
  async listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    await listening(this.#server, path);
  }

  agentCount(): number {
    return this.#agents.size;
  }

  announce(): void {
    const line: GuardLine = { kind: 'event', status: this.#guard.status() };
    for (const socket of this.#agents) tell(socket, line);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#agents) socket.destroy();
  }

  #welcome(socket: Socket): void {
    const lines = new LineReader();
    this.#agents.add(socket);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const complete = lines.push(text);
      if (complete === null) socket.destroy();
      else for (const line of complete) void this.#answer(socket, line);
    });
    // Whatever ended the connection, the agent connects again.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#agents.delete(socket));
    tell(socket, { kind: 'event', status: this.#guard.status() });
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const received = parseCall(line);
    if (received === null) {
      this.#log('error', 'guard.unknown-request', { line: line.slice(0, 200) });
      socket.destroy();
      return;
    }
    const reply = await this.#reply(received);
    tell(socket, { kind: 'reply', id: received.id, reply });
    if (received.request.kind === 'quit' && reply.kind === 'ok') socket.end(this.#onQuit);
  }

  async #reply(received: GuardCall): Promise<GuardReply> {
    try {
      return await this.#guard.handle(received.request);
    } catch (error) {
      return { kind: 'refused', why: messageOf(error), status: this.#guard.status() };
    }
  }
}

/**
 * An abstract socket: the kernel frees it when the process dies, however it dies, so it is never stale. Named after the place where the data
 * directory lies (device and inode of its parent), because equal paths in two containers that share a network are different directories.
 */
export async function lockDataDirectory(dataDir: string): Promise<Server> {
  const { dev, ino } = statSync(dirname(dataDir));
  const identity = createHash('sha256')
    .update(`${String(dev)}:${String(ino)}:${basename(dataDir)}`)
    .digest('hex')
    .slice(0, 32);
  const lock = createServer((socket) => socket.destroy());
  try {
    await listening(lock, `\0pgbaton-guard-${identity}`);
  } catch (error) {
    if (systemErrorCode(error) === 'EADDRINUSE') throw appError('PGB-1304', `another guard owns ${dataDir}`, { cause: error });
    throw error;
  }
  return lock;
}

async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function parseCall(line: string): GuardCall | null {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    // Not JSON: answered by closing the connection, like any other unknown request.
    return null;
  }
  const parsed = call.safeParse(raw);
  return parsed.success ? parsed.data : null;
}

function tell(socket: Socket, line: GuardLine): void {
  if (socket.writableLength > UNREAD_BYTES_MAX) socket.destroy();
  else if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
}
