/**
 * Drives the installed command line as a child process. The children are put into groups of their own: Ctrl-C in the terminal must reach the
 * caller only, which then stops them in the right order.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { sleep } from '../../shared/runtime/deadline.ts';
import { parseView, type ClusterView } from './cluster-view.ts';
import { NotReached, throwIfInterrupted } from './interrupted.ts';

const CLI_SCRIPT = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const OUTPUT_BYTES_MAX = 4_194_304;
const WATCH_SECONDS = '0.1';
const POLL_MS = 20;
const RESTART_WATCH_MS = 500;

/** Runs one command to its end and returns its JSON. Throws with the command's own message when it failed. */
export async function runCli(
  args: readonly string[],
  options: { readonly onLine?: (line: string) => void; readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  const child = spawn(process.execPath, [CLI_SCRIPT, ...args, '-o', 'json'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (output.length < OUTPUT_BYTES_MAX) output += chunk;
  });
  createInterface({ input: child.stderr }).on('line', (line) => options.onLine?.(line));
  const code = await exitOf(child);
  options.signal?.removeEventListener('abort', stop);
  if (options.signal !== undefined) throwIfInterrupted(options.signal);
  const answer = parseAnswer(output);
  if (code === 0) return answer;
  const error = (answer as { readonly error?: { readonly code: string; readonly message: string; readonly hint: string } } | null)?.error;
  throw new NotReached(
    error === undefined ? `pgbaton ${args.join(' ')} ended with code ${String(code)}` : `${error.code} ${error.message} (${error.hint})`,
  );
}

function parseAnswer(output: string): unknown {
  const line = output.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as unknown;
  } catch {
    // Nothing that could be read: the exit code tells what there is to tell.
    return null;
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/** `pgbaton list --watch`, always showing the latest picture. Restarted when it ends. */
export class ClusterWatch {
  readonly #dir: string;
  readonly #stop = new AbortController();
  #child: ChildProcess | null = null;
  #latest: ClusterView | null = null;

  constructor(dir: string) {
    this.#dir = dir;
    void this.#run();
  }

  get latest(): ClusterView | null {
    return this.#latest;
  }

  /** Waits for what `find` finds in a picture. `describe` says, when it did not come in time, what was seen instead. */
  async until<T>(
    find: (view: ClusterView) => T | null,
    withinMs: number,
    describe: (view: ClusterView | null) => string,
    signal: AbortSignal,
  ): Promise<T> {
    const deadlineMs = monotonicMs() + withinMs;
    for (;;) {
      throwIfInterrupted(signal);
      const found = this.#latest === null ? null : find(this.#latest);
      if (found !== null) return found;
      if (monotonicMs() > deadlineMs) throw new NotReached(`after ${String(withinMs / 1000)} s: ${describe(this.#latest)}`);
      await sleep(POLL_MS, signal);
    }
  }

  close(): void {
    this.#stop.abort();
    this.#child?.kill('SIGTERM');
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const child = spawn(process.execPath, [CLI_SCRIPT, 'list', '--dir', this.#dir, '--watch', WATCH_SECONDS, '-o', 'json'], {
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      });
      this.#child = child;
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#latest = parseView(line);
      });
      await exitOf(child).catch(() => null);
      this.#latest = null;
      await sleep(RESTART_WATCH_MS, signal);
    }
  }
}
