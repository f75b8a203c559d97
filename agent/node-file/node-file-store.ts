/**
 * The node file on disk (PROTOCOL P2). What `save` has resolved for survives a crash of the machine; what it rejected may or may not be
 * there, so the caller acts as if neither were true. It must never report a write durable before fdatasync has returned, and never run two
 * writers that could reach the same file (see writer.ts).
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { appError, messageOf, systemErrorCode, toAppError } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { decodeNodeFile, encodeNodeFile } from './codec.ts';
import type { NodeFile, NodeFileStore } from './port.ts';
import { encodeSlot, readSlots, slotOffset, wholeFile, type SlotFile } from './slots.ts';
import type { WriterReply, WriterRequest } from './writer-messages.ts';

/** More saves waiting than this means that the disk hangs and nobody noticed; the caller must hear of it. */
const WAITING_MAX = 32;
const READ_DEADLINE_MS = 5_000;
const CLOSE_DEADLINE_MS = 500;

export type NodeFileOptions = { readonly path: string; /** The compiled writer.js. */ readonly writerPath?: string };

export function openNodeFileStore(options: NodeFileOptions): NodeFileStore {
  return new SlottedNodeFile(options.path, options.writerPath ?? defaultWriterPath());
}

/** The newest valid state of the node file at `path`, read afresh. Also what the guard asks at the moment of an act. */
export async function readNodeFile(path: string, deadlineMs: number): Promise<NodeFile | null> {
  const slots = await readSlotFile(path, deadlineMs);
  switch (slots.kind) {
    case 'empty':
      return null;
    case 'damaged':
      throw appError('PGB-1106', `the node file ${path} is damaged: ${slots.why}`);
    case 'found': {
      const decoded = decodeNodeFile(slots.newest.payload);
      if (decoded.kind === 'malformed') throw appError('PGB-1106', `the node file ${path} cannot be understood: ${decoded.why}`);
      return decoded.value;
    }
  }
}

async function readSlotFile(path: string, deadlineMs: number): Promise<SlotFile> {
  try {
    return readSlots(await readFile(path, { signal: AbortSignal.timeout(Math.max(1, Math.floor(deadlineMs))) }));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return { kind: 'empty' };
    throw error instanceof Error && error.name === 'AbortError'
      ? appError('PGB-1106', `reading ${path} took longer than ${String(deadlineMs)} ms`, { cause: error })
      : toAppError(error);
  }
}

// Node 20 runs no TypeScript: sources started by a test runner find the compiled program in dist/.
function defaultWriterPath(): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../dist/agent/node-file/writer.js' : './writer.js', import.meta.url));
}

type Writer = { readonly process: ChildProcess; hasFile: boolean; readonly gone: Promise<void> };

class SlottedNodeFile implements NodeFileStore {
  readonly #path: string;
  readonly #writerPath: string;
  #writer: Writer | null = null;
  /** A writer that did not answer in time. Its successor waits until the kernel has let go of it. */
  #abandoned: Writer | null = null;
  #generation: bigint | null = null;
  #lastRequest = 0;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(path: string, writerPath: string) {
    this.#path = path;
    this.#writerPath = writerPath;
  }

  load(): Promise<NodeFile | null> {
    return readNodeFile(this.#path, READ_DEADLINE_MS);
  }

  async save(file: NodeFile, deadlineMs: number): Promise<void> {
    if (this.#waiting >= WAITING_MAX) throw this.#tooSlow(`${String(WAITING_MAX)} writes are waiting already`);
    const untilMs = monotonicMs() + deadlineMs;
    const payload = encodeNodeFile(file);
    this.#waiting += 1;
    const turn = this.#tail.then(() => this.#write(payload, untilMs));
    // The queue goes on after a failure; the caller hears of it through `turn`.
    this.#tail = turn.catch(() => undefined);
    try {
      await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    if (writer === null) return;
    writer.process.disconnect();
    await within(writer.gone, CLOSE_DEADLINE_MS);
  }

  async #write(payload: string, untilMs: number): Promise<void> {
    if (monotonicMs() >= untilMs) throw this.#tooSlow('earlier writes used up the time');
    const writer = await this.#readyWriter(untilMs);
    const generation = (this.#generation ?? (await this.#newestGeneration(untilMs))) + 1n;
    const id = ++this.#lastRequest;
    const request: WriterRequest = writer.hasFile
      ? { kind: 'write', id, offset: slotOffset(generation), bytes: encodeSlot({ generation, payload }) }
      : { kind: 'replace', id, path: this.#path, bytes: wholeFile({ generation, payload }) };
    // Counted even when the write fails: half of it may be on disk, and the next one must not land in the slot of the last good state.
    const reply = await this.#ask(writer, request, untilMs);
    if (reply.kind === 'failed') {
      this.#abandon(writer);
      throw toAppError(Object.assign(new Error(`writing ${this.#path}: ${reply.message}`), { code: reply.code ?? 'EIO' }));
    }
    writer.hasFile = true;
    this.#generation = generation;
  }

  async #newestGeneration(untilMs: number): Promise<bigint> {
    const slots = await readSlotFile(this.#path, Math.max(1, untilMs - monotonicMs()));
    if (slots.kind === 'damaged') throw appError('PGB-1106', `the node file ${this.#path} is damaged: ${slots.why}`);
    return slots.kind === 'found' ? slots.newest.generation : 0n;
  }

  async #readyWriter(untilMs: number): Promise<Writer> {
    if (this.#abandoned !== null) {
      const gone = await within(this.#abandoned.gone, untilMs - monotonicMs());
      if (!gone) throw this.#tooSlow('an earlier write still hangs in the kernel');
      this.#abandoned = null;
    }
    this.#writer ??= this.#startWriter();
    return this.#writer;
  }

  #startWriter(): Writer {
    const child = fork(this.#writerPath, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    // The agent may end while its writer lives; the writer ends itself when the channel closes.
    child.unref();
    child.channel?.unref();
    const writer: Writer = { process: child, hasFile: false, gone };
    void gone.then(() => {
      if (this.#writer === writer) this.#writer = null;
    });
    return writer;
  }

  async #ask(writer: Writer, request: WriterRequest, untilMs: number): Promise<WriterReply> {
    const child = writer.process;
    return new Promise<WriterReply>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        child.off('error', onError);
        child.channel?.unref();
        settle();
      };
      const onMessage = (message: unknown): void => {
        // Only this program's own writer can send here, and it answers with a WriterReply.
        const reply = message as WriterReply;
        if (reply.id === request.id) finish(() => resolve(reply));
      };
      const onExit = (): void => finish(() => reject(this.#lost('the writer process ended')));
      const onError = (error: Error): void => finish(() => reject(this.#lost(messageOf(error))));
      const timer = setTimeout(
        () =>
          finish(() => {
            this.#abandon(writer);
            reject(this.#tooSlow('the disk did not answer'));
          }),
        Math.max(0, untilMs - monotonicMs()),
      );
      child.channel?.ref();
      child.on('message', onMessage);
      child.once('exit', onExit);
      child.once('error', onError);
      child.send(request, (error) => {
        if (error !== null) onError(error);
      });
    });
  }

  #abandon(writer: Writer): void {
    if (this.#writer === writer) this.#writer = null;
    this.#abandoned = writer;
    writer.process.kill('SIGKILL');
  }

  #tooSlow(why: string): Error {
    return appError('PGB-1106', `writing the node file ${this.#path} took too long: ${why}`);
  }

  #lost(why: string): Error {
    return appError('PGB-1106', `writing the node file ${this.#path} failed: ${why}`);
  }
}

/** True when `promise` settled within `ms`. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
