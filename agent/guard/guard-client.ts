/**
 * The agent's end of the guard: connects, starts a guard when none is there, repeats what it says, and notices when it dies or freezes.
 * A guard that is gone takes PostgreSQL with it by the kernel's parent-death signal; that is verified here, and completed, before another
 * guard is started. It must never touch a PostgreSQL whose guard is alive.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { appError, messageOf } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { guardProcesses, launchGuard, strayServers, type GuardLaunch } from './guard-launch.ts';
import { LineReader } from './json-lines.ts';
import { NO_LOG, type Log } from './log.ts';
import { describeRemains, killTree, NO_TRACES, realDirectory, remainsOf, send, type Remains } from './process-tree.ts';
import type { GuardLine, GuardReply, GuardRequest, GuardStatus } from './protocol.ts';

const PING_EVERY_MS = 500;
/** Pings without any answer. Counted in rounds of our own loop, so that the sleep of a frozen agent does not count against the guard. */
const SILENT_ROUNDS_MAX = 6;
const RECONNECT_MS = 10;
const RECONNECT_MS_MAX = 1_000;
const CONNECT_DEADLINE_MS = 1_000;
const LAUNCH_GRACE_MS = 3_000;
const CLEAR_BUDGET_MS = 2_000;
const CALLS_MAX = 256;

export type GuardClientOptions = GuardLaunch & { readonly log?: Log };

type Call = { readonly resolve: (reply: GuardReply) => void; readonly reject: (error: Error) => void; readonly timer: NodeJS.Timeout };
type Connection = { readonly socket: Socket; silentRounds: number };

export interface GuardClient {
  /** The guard's last word; null while none is connected. */
  status(): GuardStatus | null;
  /** Calls back after every change of `status()`. Returns how to stop. */
  onChange(listener: () => void): () => void;
  /** Rejects with AppError PGB-1320 when there is no guard or no answer in time. */
  request(request: GuardRequest, deadlineMs: number): Promise<GuardReply>;
  /** Kills everything in the data directory, through the guard or, when it does not answer, past it. */
  kill(budgetMs: number): Promise<Remains>;
  /** True as soon as a guard is connected; false when the deadline passes first. */
  ready(deadlineMs: number): Promise<boolean>;
  /** Lets go of the guard without ending it. */
  close(): Promise<void>;
}

export function connectGuard(options: GuardClientOptions): GuardClient {
  return new ReconnectingGuardClient(options);
}

class ReconnectingGuardClient implements GuardClient {
  readonly #options: GuardClientOptions;
  readonly #log: Log;
  readonly #listeners = new Set<() => void>();
  readonly #calls = new Map<number, Call>();
  readonly #closed = new AbortController();
  readonly #run: Promise<void>;
  readonly #pinger: NodeJS.Timeout;
  #connection: Connection | null = null;
  #status: GuardStatus | null = null;
  #lastId = 0;
  #wasConnected = false;

  constructor(options: GuardClientOptions) {
    this.#options = options;
    this.#log = options.log ?? NO_LOG;
    this.#pinger = setInterval(() => this.#ping(), PING_EVERY_MS);
    this.#run = this.#stayConnected();
  }

  status(): GuardStatus | null {
    return this.#status;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async request(request: GuardRequest, deadlineMs: number): Promise<GuardReply> {
    const connection = this.#connection;
    if (connection === null || this.#calls.size >= CALLS_MAX)
      throw appError('PGB-1320', connection === null ? 'no guard is connected' : 'too many calls are waiting');
    const id = ++this.#lastId;
    return new Promise<GuardReply>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(appError('PGB-1320', `no answer to ${request.kind} within ${String(deadlineMs)} ms`));
      }, deadlineMs);
      this.#calls.set(id, { resolve, reject, timer });
      connection.socket.write(`${JSON.stringify({ id, request })}\n`);
    });
  }

  async kill(budgetMs: number): Promise<Remains> {
    const untilMs = monotonicMs() + budgetMs;
    const home = realDirectory(this.#options.dataDir);
    try {
      // Half of the time for the guard; a frozen one must not use up all of it.
      const reply = await this.request({ kind: 'kill', budgetMs: budgetMs / 2 }, budgetMs / 2 + 20);
      if (reply.kind === 'ok') return { kind: 'none' };
      return remainsOf(home, NO_TRACES);
    } catch (error) {
      this.#log('error', 'guard.bypassed', { why: messageOf(error) });
      this.#killGuards();
      return killTree(home, NO_TRACES, Math.max(0, untilMs - monotonicMs()));
    }
  }

  async ready(deadlineMs: number): Promise<boolean> {
    const untilMs = monotonicMs() + deadlineMs;
    while (this.#status === null && monotonicMs() < untilMs) await sleep(RECONNECT_MS);
    return this.#status !== null;
  }

  async close(): Promise<void> {
    clearInterval(this.#pinger);
    this.#closed.abort();
    this.#connection?.socket.destroy();
    await this.#run;
  }

  async #stayConnected(): Promise<void> {
    let pauseMs = RECONNECT_MS;
    while (!this.#closed.signal.aborted) {
      const socket = await tryConnect(this.#options.socketPath, this.#closed.signal);
      if (socket !== null) {
        pauseMs = RECONNECT_MS;
        await this.#listen(socket);
      } else if (await this.#clearAway()) {
        await this.#launch();
      }
      await pause(pauseMs, this.#closed.signal);
      pauseMs = Math.min(RECONNECT_MS_MAX, pauseMs * 2);
    }
  }

  /** Resolves when the connection is over. */
  async #listen(socket: Socket): Promise<void> {
    const lines = new LineReader();
    const connection: Connection = { socket, silentRounds: 0 };
    await new Promise<void>((resolve) => {
      socket.setEncoding('utf8');
      socket.on('data', (text: string) => {
        connection.silentRounds = 0;
        const complete = lines.push(text);
        if (complete === null) socket.destroy();
        else for (const line of complete) this.#hear(line);
      });
      socket.on('error', () => socket.destroy());
      socket.once('close', () => resolve());
      this.#connection = connection;
      this.#wasConnected = true;
    });
    this.#connection = null;
    this.#status = null;
    for (const [id, call] of this.#calls) {
      this.#calls.delete(id);
      clearTimeout(call.timer);
      call.reject(appError('PGB-1320', 'the connection to the guard was lost'));
    }
    if (this.#closed.signal.aborted) return;
    this.#log('warn', 'guard.connection-lost', {});
    this.#tellListeners();
  }

  #hear(text: string): void {
    // Only the guard of this build listens on the socket, which nobody else may open.
    const line = JSON.parse(text) as GuardLine;
    const status = line.kind === 'event' ? line.status : line.reply.status;
    const changed = JSON.stringify(status) !== JSON.stringify(this.#status);
    this.#status = status;
    if (changed) this.#tellListeners();
    if (line.kind === 'event') return;
    const call = this.#calls.get(line.id);
    if (call === undefined) return;
    this.#calls.delete(line.id);
    clearTimeout(call.timer);
    call.resolve(line.reply);
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener();
  }

  #ping(): void {
    const connection = this.#connection;
    if (connection === null) return;
    connection.silentRounds += 1;
    if (connection.silentRounds <= SILENT_ROUNDS_MAX) {
      connection.socket.write(`${JSON.stringify({ id: ++this.#lastId, request: { kind: 'status' } })}\n`);
      return;
    }
    // A frozen guard cannot keep its deadline, and the kernel sends no signal while it lives: end it, then what it guarded.
    this.#log('error', 'guard.silent', { rounds: connection.silentRounds });
    this.#killGuards();
    connection.socket.destroy();
  }

  #killGuards(): void {
    for (const pid of guardProcesses(this.#options.socketPath)) send(pid, 'SIGKILL');
  }

  /** Before a new guard may start, nothing of the old one's server may be left. False: something is, and it is not ours to kill. */
  async #clearAway(): Promise<boolean> {
    const home = realDirectory(this.#options.dataDir);
    const strays = strayServers(home, this.#options.configFile);
    if (strays === 'none') return true;
    if (strays === 'foreign' && !this.#wasConnected) return true;
    const remains = await killTree(home, NO_TRACES, CLEAR_BUDGET_MS);
    if (remains.kind !== 'none') this.#log('error', 'guard.cannot-clear', { what: describeRemains(remains) });
    return remains.kind === 'none';
  }

  async #launch(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    try {
      const untilMs = monotonicMs() + LAUNCH_GRACE_MS;
      const child = launchGuard(this.#options);
      this.#log('info', 'guard.launched', { pid: child.pid });
      while (child.exitCode === null && child.signalCode === null && monotonicMs() < untilMs && !this.#closed.signal.aborted) {
        const socket = await tryConnect(this.#options.socketPath, this.#closed.signal);
        if (socket !== null) {
          await this.#listen(socket);
          return;
        }
        await pause(RECONNECT_MS, this.#closed.signal);
      }
    } catch (error) {
      this.#log('error', 'guard.launch-failed', { why: messageOf(error) });
    }
  }
}

async function tryConnect(path: string, signal: AbortSignal): Promise<Socket | null> {
  if (signal.aborted) return null;
  return new Promise<Socket | null>((resolve) => {
    const socket = connect(path);
    const finish = (result: Socket | null): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      if (result === null) {
        // A late error of a socket that is given up must not become an uncaught exception.
        socket.on('error', () => undefined);
        socket.destroy();
      }
      resolve(result);
    };
    const timer = setTimeout(() => finish(null), CONNECT_DEADLINE_MS);
    socket.once('connect', () => finish(socket));
    socket.once('error', () => finish(null));
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
