/**
 * Does the disk of the data directory take a write? Asked of a standing child process, so that a disk that hangs takes hold of that child and of nobody
 * else: a system call in the kernel can neither be ended nor waited for with a deadline. It must never start a second child beside one that hangs.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../shared/runtime/deadline.ts';

export class DiskProbe {
  readonly #dataDir: string;
  readonly #program: string;
  #child: ChildProcess | null = null;
  /** The write under way; it may have been for minutes. */
  #running: Promise<boolean> | null = null;

  constructor(dataDir: string, program = defaultProgram()) {
    this.#dataDir = dataDir;
    this.#program = program;
  }

  /** False: it failed, or has not ended in time. An earlier one that still hangs is waited for instead of a new one. */
  async write(deadlineMs: number): Promise<boolean> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = null;
    });
    const running = this.#running;
    const outcome = await withDeadline(async () => running, deadlineMs);
    return outcome.kind === 'done' && outcome.value;
  }

  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }

  async #ask(): Promise<boolean> {
    const child = this.#child ?? this.#start();
    return new Promise((resolve) => {
      const settle = (isWell: boolean): void => {
        child.removeAllListeners('message');
        child.removeAllListeners('exit');
        resolve(isWell);
      };
      child.once('message', (isWell) => settle(isWell === true));
      child.once('exit', () => {
        this.#child = null;
        settle(false);
      });
      child.send(this.#dataDir, (error) => {
        if (error !== null) settle(false);
      });
    });
  }

  #start(): ChildProcess {
    const child = fork(this.#program, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    // The agent may end while its child lives; the child ends when the channel closes.
    child.on('error', () => undefined);
    child.unref();
    child.channel?.unref();
    this.#child = child;
    return child;
  }
}

// Node 20 runs no TypeScript: sources started by a test runner find the compiled program in dist/.
function defaultProgram(): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../dist/agent/postgres/disk-writer.js' : './disk-writer.js', import.meta.url));
}
