/**
 * The guard's mind: owns one postmaster, one right, and the rule that a possible primary without a valid right dies (PROTOCOL A4, I11). It
 * checks by itself every few milliseconds, so that a guard that was frozen acts the moment it thaws. It must never wait for the data disk in
 * its main thread, and never start or promote anything that it has not just checked. Spawning happens in the main thread: the kernel's
 * parent-death signal belongs to the thread that forked.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unreachable } from '../../shared/assert.ts';
import { messageOf, systemErrorCode } from '../../shared/errors.ts';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { makeOrdinary } from '../../shared/runtime/priority.ts';
import { readNodeFile } from '../node-file/node-file-store.ts';
import { changeRight, mustFence, whyNotPrimary, type Right } from './deadline.ts';
import { DISK_DEADLINE_MS, exists, inTime } from './in-time.ts';
import type { Log } from './log.ts';
import type { OsUser } from './os-user.ts';
import {
  describeRemains,
  killTree,
  NO_TRACES,
  parsePidFile,
  realDirectory,
  remainsOf,
  send,
  type Remains,
  type ServerTraces,
} from './process-tree.ts';
import type { GuardPurpose, GuardReply, GuardRequest, GuardStatus } from './protocol.ts';
import { postmasterCommand } from './spawn-command.ts';

const CHECK_EVERY_MS = 50;
const FENCE_BUDGET_MS = 1_000;
const STANDBY_STOP_MS = 2_000;
const TIMER_MS_MAX = 2_147_483_647;

export type GuardTarget = {
  readonly dataDir: string;
  readonly nodeFilePath: string;
  /** Server log; appended to. */
  readonly logPath: string;
  readonly osUser: OsUser | null;
};

type EndReason = 'asked' | 'crashed' | 'fenced';
type Running = {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly purpose: GuardPurpose;
  readonly startedAtMs: number;
  promoted: boolean;
  fenced: boolean;
  ending: EndReason | null;
  traces: ServerTraces;
};
type Exited = Extract<GuardStatus['postmaster'], { kind: 'exited' }>;

export class Guard {
  readonly #target: GuardTarget;
  readonly #log: Log;
  readonly #onChange: () => void;
  readonly #check: NodeJS.Timeout;
  #home: string;
  #running: Running | null = null;
  #exited: Exited | null = null;
  #right: Right | null = null;
  #starting = false;
  #sweeping = false;
  #learning = false;
  #deadlineTimer: NodeJS.Timeout | null = null;

  constructor(target: GuardTarget, log: Log, onChange: () => void) {
    this.#target = target;
    this.#log = log;
    this.#onChange = onChange;
    this.#home = realDirectory(target.dataDir);
    this.#check = setInterval(() => this.#lookAfter(), CHECK_EVERY_MS);
  }

  status(): GuardStatus {
    const running = this.#running;
    const right = this.#right;
    return {
      guardPid: process.pid,
      postmaster:
        running === null
          ? (this.#exited ?? { kind: 'none' })
          : {
              kind: 'running',
              pid: running.pid,
              purpose: running.purpose,
              promoted: running.promoted,
              startedAtMs: running.startedAtMs,
              fenced: running.fenced,
            },
      deadline: right === null || !Number.isFinite(right.untilMs) ? null : { epoch: right.epoch.toString(), untilMs: right.untilMs },
    };
  }

  /** No postmaster, none being started, and none of whose end nothing is known yet. */
  isIdle(): boolean {
    return this.#running === null && !this.#starting && (this.#exited === null || this.#exited.verifiedDead);
  }

  async handle(request: GuardRequest): Promise<GuardReply> {
    switch (request.kind) {
      case 'status':
        return this.#ok();
      case 'start':
        return this.#start(request.purpose, request.argv);
      case 'signal':
        return this.#signal(request.signal);
      case 'promote':
        return this.#promote(BigInt(request.epoch));
      case 'kill':
        return this.#kill(request.budgetMs);
      case 'deadline':
        return this.#setDeadline(BigInt(request.epoch), request.untilMs);
      case 'quit':
        return this.isIdle() ? this.#ok() : this.#refuse('a postmaster lives');
      default:
        return unreachable(request);
    }
  }

  /** Ends the server for good: a standby may stop in order, a possible primary dies at once. */
  async shutDown(): Promise<void> {
    clearInterval(this.#check);
    const running = this.#running;
    if (running !== null && running.purpose.kind === 'standby' && !running.promoted) {
      running.ending ??= 'asked';
      send(running.pid, 'SIGINT');
      const untilMs = monotonicMs() + STANDBY_STOP_MS;
      while (this.#running !== null && monotonicMs() < untilMs) await pause();
    }
    if (this.#running !== null) await this.#kill(FENCE_BUDGET_MS);
  }

  #ok(): GuardReply {
    return { kind: 'ok', status: this.status() };
  }

  #refuse(why: string): GuardReply {
    this.#log('warn', 'guard.refused', { why });
    return { kind: 'refused', why, status: this.status() };
  }

  async #start(purpose: GuardPurpose, argv: readonly string[]): Promise<GuardReply> {
    if (this.#running !== null || this.#starting) return this.#refuse('a postmaster is running');
    this.#starting = true;
    try {
      const why = await this.#whyNotStart(purpose);
      if (why !== null) return this.#refuse(why);
      const log = await inTime(open(this.#target.logPath, 'a', 0o600), 'opening the server log');
      try {
        // Everything above took time: ask again, with nothing between the answer and the act.
        const late = await this.#whyNotPurpose(purpose);
        if (late !== null) return this.#refuse(late);
        this.#spawn(purpose, argv, log.fd);
      } finally {
        await log.close();
      }
      return this.#ok();
    } catch (error) {
      return this.#refuse(messageOf(error));
    } finally {
      this.#starting = false;
    }
  }

  async #whyNotStart(purpose: GuardPurpose): Promise<string | null> {
    this.#home = realDirectory(this.#target.dataDir);
    const traces = await this.#readTraces();
    const remains = remainsOf(this.#home, traces);
    if (remains.kind !== 'none') return `the data directory is in use: ${describeRemains(remains)}`;
    const why = await this.#whyNotPurpose(purpose);
    if (why !== null) return why;
    // Nothing of the recorded server is left, so its file is stale. PostgreSQL itself would refuse while a stranger has its old pid.
    await inTime(rm(join(this.#target.dataDir, 'postmaster.pid'), { force: true }), 'removing a stale postmaster.pid');
    return null;
  }

  async #whyNotPurpose(purpose: GuardPurpose): Promise<string | null> {
    if (purpose.kind === 'primary') return this.#whyNotPrimary(BigInt(purpose.epoch));
    // Without this file PostgreSQL would come up as a primary, whatever it was meant to be.
    const signal = join(this.#target.dataDir, 'standby.signal');
    return (await exists(signal)) ? null : 'standby.signal is missing, the server would start as a primary';
  }

  async #whyNotPrimary(epoch: bigint): Promise<string | null> {
    const promised = await this.#promised();
    return whyNotPrimary({ epoch, right: this.#right, promised, nowMs: monotonicMs() });
  }

  #spawn(purpose: GuardPurpose, argv: readonly string[], logFd: number): void {
    const { program, args } = postmasterCommand(argv, this.#target.osUser, process.pid);
    const child = spawn(program, args, { stdio: ['ignore', logFd, logFd], cwd: '/' });
    child.once('error', (error) => this.#onEnd(child, null, messageOf(error)));
    child.once('exit', (code, signal) => this.#onEnd(child, code, signal));
    if (child.pid === undefined) return;
    makeOrdinary(child.pid);
    this.#exited = null;
    this.#running = {
      process: child,
      pid: child.pid,
      purpose,
      startedAtMs: monotonicMs(),
      promoted: false,
      fenced: false,
      ending: null,
      traces: { ...NO_TRACES, postmasterPid: child.pid },
    };
    this.#log('info', 'guard.started', { pid: child.pid, purpose });
    this.#changed();
    this.#armDeadline();
  }

  #onEnd(child: ChildProcess, code: number | null, signal: string | null): void {
    const running = this.#running;
    if (running !== null && running.process !== child) return;
    this.#running = null;
    this.#exited = {
      kind: 'exited',
      pid: child.pid ?? 0,
      code,
      signal,
      atMs: monotonicMs(),
      verifiedDead: false,
      why: running?.ending ?? 'crashed',
    };
    this.#log('info', 'guard.postmaster-ended', { ...this.#exited });
    // The news first: the agent may act on the exit while the rest is being cleared away.
    this.#changed();
    void this.#sweep(running?.traces ?? NO_TRACES);
  }

  /** After the postmaster: its backends, what they started, its shared memory. Goes on until there is nothing. */
  async #sweep(traces: ServerTraces): Promise<void> {
    this.#sweeping = true;
    const ended = this.#exited;
    try {
      const complete =
        traces.sharedMemoryId === null ? { ...traces, ...(await this.#readTraces()), postmasterPid: traces.postmasterPid } : traces;
      for (;;) {
        const remains = await killTree(this.#home, complete, FENCE_BUDGET_MS);
        if (remains.kind === 'none') break;
        this.#log('error', 'guard.remains', { what: describeRemains(remains) });
      }
      if (ended !== null && this.#exited === ended) {
        this.#exited = { ...ended, verifiedDead: true };
        this.#changed();
      }
    } finally {
      this.#sweeping = false;
    }
  }

  #signal(signal: 'reload' | 'fast'): GuardReply {
    const running = this.#running;
    if (running === null) return this.#refuse('no postmaster is running');
    if (signal === 'fast') running.ending ??= 'asked';
    return send(running.pid, signal === 'reload' ? 'SIGHUP' : 'SIGINT') ? this.#ok() : this.#refuse('the postmaster is gone');
  }

  async #promote(epoch: bigint): Promise<GuardReply> {
    const running = this.#running;
    if (running === null) return this.#refuse('no postmaster is running');
    const why = await this.#whyNotPrimary(epoch);
    if (why !== null) return this.#refuse(why);
    // From the moment the file exists any signal of a child may make the postmaster see it: it counts as a primary before that.
    running.promoted = true;
    this.#changed();
    this.#armDeadline();
    const file = join(this.#target.dataDir, 'promote');
    try {
      await inTime(writeFile(file, ''), 'writing the promote file');
      const late = await this.#whyNotPrimary(epoch);
      if (late !== null || this.#running !== running) {
        await inTime(rm(file, { force: true }), 'removing the promote file');
        return this.#refuse(late ?? 'the postmaster is gone');
      }
    } catch (error) {
      return this.#refuse(messageOf(error));
    }
    this.#log('info', 'guard.promoting', { pid: running.pid, epoch: epoch.toString() });
    return send(running.pid, 'SIGUSR1') ? this.#ok() : this.#refuse('the postmaster is gone');
  }

  async #kill(budgetMs: number): Promise<GuardReply> {
    const untilMs = monotonicMs() + budgetMs;
    const remains = await this.#end('asked', budgetMs);
    while ((this.#running !== null || this.#sweeping) && monotonicMs() < untilMs) await pause();
    if (remains.kind !== 'none') return this.#refuse(describeRemains(remains));
    return this.#running === null && !this.#sweeping ? this.#ok() : this.#refuse('the postmaster has not been reaped yet');
  }

  async #end(reason: EndReason, budgetMs: number): Promise<Remains> {
    const running = this.#running;
    if (running !== null) running.ending ??= reason;
    const traces = running?.traces ?? (await this.#readTraces());
    const remains = await killTree(this.#home, traces, budgetMs);
    if (running !== null && running === this.#running && running.fenced !== (remains.kind === 'fenced')) {
      running.fenced = remains.kind === 'fenced';
      this.#changed();
    }
    return remains;
  }

  #setDeadline(epoch: bigint, untilMs: number | null): GuardReply {
    const change = changeRight(this.#right, epoch, untilMs);
    if (change.kind === 'refused') return this.#refuse(change.why);
    this.#right = change.right;
    this.#lookAfter();
    this.#armDeadline();
    return this.#ok();
  }

  #armDeadline(): void {
    if (this.#deadlineTimer !== null) clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = null;
    const right = this.#right;
    if (right === null || this.#running === null || !Number.isFinite(right.untilMs)) return;
    const waitMs = Math.ceil(right.untilMs - monotonicMs());
    if (waitMs <= 0 || waitMs > TIMER_MS_MAX) return;
    this.#deadlineTimer = setTimeout(() => {
      this.#lookAfter();
      // Timers may fire a moment early; then the right still holds for a fraction of a millisecond.
      this.#armDeadline();
    }, waitMs);
  }

  #lookAfter(): void {
    const running = this.#running;
    if (running === null) return;
    if (running.traces.sharedMemoryId === null) void this.#learnTraces(running);
    if (!mustFence(running, this.#right, monotonicMs())) return;
    if (running.ending === 'fenced') return;
    this.#log('error', 'guard.fenced', { pid: running.pid, right: this.status().deadline });
    // A stop that was asked for and is still under way is too slow now.
    running.ending = 'fenced';
    void this.#fenceUntilGone(running);
  }

  async #fenceUntilGone(running: Running): Promise<void> {
    while (this.#running === running) {
      await this.#end('fenced', FENCE_BUDGET_MS);
      // Dead but not reaped yet, there is nothing left to wait for: without a pause of our own the loop would never let its exit be heard.
      await pause();
    }
  }

  async #learnTraces(running: Running): Promise<void> {
    if (this.#learning) return;
    this.#learning = true;
    const traces = await this.#readTraces();
    if (traces.postmasterPid === running.pid && traces.sharedMemoryId !== null) running.traces = traces;
    this.#learning = false;
  }

  async #readTraces(): Promise<ServerTraces> {
    try {
      return parsePidFile(await inTime(readFile(join(this.#target.dataDir, 'postmaster.pid'), 'utf8'), 'reading postmaster.pid'));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') this.#log('warn', 'guard.pid-file-unreadable', { why: messageOf(error) });
      return NO_TRACES;
    }
  }

  async #promised(): Promise<bigint | null> {
    try {
      return (await readNodeFile(this.#target.nodeFilePath, DISK_DEADLINE_MS))?.promised ?? null;
    } catch (error) {
      this.#log('error', 'guard.node-file-unreadable', { why: messageOf(error) });
      return null;
    }
  }

  #changed(): void {
    this.#onChange();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 2);
  });
}
