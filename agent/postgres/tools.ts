/**
 * Runs PostgreSQL's programs as the right user, with a deadline, and with nothing of the agent's environment. They die with the agent (the
 * kernel sends SIGKILL), so that no half-made clone goes on behind a restarted agent. Must be called from the main thread, and never be given
 * a secret as an argument.
 */
import { spawn } from 'node:child_process';
import { monotonicMs } from '../../shared/runtime/clock.ts';
import { makeOrdinary } from '../../shared/runtime/priority.ts';
import { program, type LocalContext } from './context.ts';

export type ToolCall = {
  readonly tool: string;
  readonly args: readonly string[];
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly stdin?: string;
  readonly passfile?: string;
  /** Receives what the program prints, bounded by `OUTPUT_CHARS_MAX`; null: the default bound. */
  readonly outputCharsMax?: number;
};

export type ToolResult =
  | { readonly kind: 'ended'; readonly code: number | null; readonly stdout: string; readonly stderr: string; readonly tookMs: number }
  /** Killed: the deadline passed or the caller gave up. */
  | { readonly kind: 'stopped'; readonly why: string; readonly stderr: string };

const OUTPUT_CHARS_MAX = 262_144;

export async function runTool(context: LocalContext, call: ToolCall): Promise<ToolResult> {
  const startedAtMs = monotonicMs();
  if (call.signal.aborted) return { kind: 'stopped', why: 'given up before it began', stderr: '' };
  const user = context.osUser;
  const drop = user === null ? [] : ['--reuid', user.name, '--regid', String(user.gid), '--init-groups'];
  const environment = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LC_ALL: 'C',
    HOME: '/',
    ...(call.passfile === undefined ? {} : { PGPASSFILE: call.passfile }),
  };
  return new Promise<ToolResult>((resolve) => {
    // A session of its own, so that the programs it starts itself (pg_rewind starts postgres) can be ended with it.
    const child = spawn('setpriv', [...drop, '--pdeathsig', 'KILL', '--', program(context, call.tool), ...call.args], {
      env: environment,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) makeOrdinary(child.pid);
    const limit = call.outputCharsMax ?? OUTPUT_CHARS_MAX;
    let stdout = '';
    let stderr = '';
    let stopped: string | null = null;
    const stop = (why: string): void => {
      stopped ??= why;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const onAbort = (): void => stop('given up by the caller');
    const timer = setTimeout(() => stop(`took longer than ${String(call.deadlineMs)} ms`), call.deadlineMs);
    call.signal.addEventListener('abort', onAbort, { once: true });
    const finish = (result: ToolResult): void => {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = keepEnd(stdout + text, limit);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = keepEnd(stderr + text, limit);
    });
    // A program that ends before it has read everything closes the pipe; its exit code tells the rest.
    child.stdin.on('error', () => undefined);
    child.stdin.end(call.stdin ?? '');
    child.once('error', (error) =>
      finish({ kind: 'ended', code: null, stdout, stderr: `${stderr}${error.message}`, tookMs: monotonicMs() - startedAtMs }),
    );
    child.once('close', (code) =>
      finish(
        stopped === null
          ? { kind: 'ended', code, stdout, stderr, tookMs: monotonicMs() - startedAtMs }
          : { kind: 'stopped', why: stopped, stderr },
      ),
    );
  });
}

/** Null when the program did what it should; otherwise one line for the operator. */
export function whyToolFailed(tool: string, result: ToolResult): string | null {
  if (result.kind === 'stopped') return `${tool} was stopped: ${result.why}${reasonIn(result.stderr)}`;
  return result.code === 0 ? null : `${tool} ended with ${String(result.code)}${reasonIn(result.stderr)}`;
}

/** The reason: what follows an error is often only the clearing up. */
function reasonIn(stderr: string): string {
  const lines = stderr.trim().split('\n');
  const line = lines.findLast((one) => /error:|fatal:|panic:/i.test(one)) ?? lines.at(-1) ?? '';
  return line === '' ? '' : `: ${line.slice(0, 500)}`;
}

function keepEnd(text: string, limit: number): string {
  return text.length > limit ? text.slice(text.length - limit) : text;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
