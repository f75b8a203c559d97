/**
 * Runs one search: spin generates a program from the Promela sources, the C compiler compiles it, and pan, that program, searches. Whatever goes wrong
 * on the way is an outcome that shows nothing; only an interruption is thrown. It leaves no file and no process behind.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import type { Answer } from './judge.ts';
import { PROTOCOL_SOURCE } from './model-files.ts';
import { readPanOutput, type PanOutcome } from './pan-output.ts';
import type { Search, SearchMode } from './questions.ts';
import { readStory, type Story } from './story.ts';

export type SpinTools = { readonly spin: string; readonly cc: string };

export type Limits = {
  /** What pan may use for its states; it stops there, and the search counts as unfinished. */
  readonly memoryMb: number;
  readonly deadlineMs: number;
};

const run = promisify(execFile);
const GENERATE_MS = 60_000;
const COMPILE_MS = 300_000;
const OUTPUT_BYTES = 64 << 20;

/** Compiling takes longer the more it optimizes, and a small search is over before it pays. Changes nothing but the time. */
function optimization({ mode, expectedStates }: Search): string {
  if (mode === 'shortest') return '-O0';
  if (expectedStates === null || expectedStates > 3_000_000) return '-O2';
  return expectedStates > 1_000_000 ? '-O1' : '-O0';
}

/** BFS finds the shortest counterexample; NP looks for cycles without progress. NOREDUCE: every step touches what others read, so nothing is left out. */
const MODE_DEFINES: Readonly<Record<SearchMode, readonly string[]>> = {
  all: ['-DSAFETY', '-DNOREDUCE'],
  cycles: ['-DNP', '-DNOREDUCE'],
  shortest: ['-DSAFETY', '-DNOREDUCE', '-DBFS'],
};
const PAN_ARGUMENTS: Readonly<Record<SearchMode, readonly string[]>> = {
  all: ['-m100000', '-w24'],
  cycles: ['-m100000', '-w24', '-l'],
  shortest: ['-m100000', '-w20'],
};

export async function runSearch(search: Search, tools: SpinTools, limits: Limits, signal: AbortSignal): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'pgbaton-model-'));
  try {
    const options = { cwd: folder, signal, maxBuffer: OUTPUT_BYTES, killSignal: 'SIGKILL' } as const;
    // -P: the same C compiler is the preprocessor, whatever spin was built with.
    await run(tools.spin, [`-P${tools.cc} -E -x c`, '-a', ...search.defines, PROTOCOL_SOURCE], { ...options, timeout: GENERATE_MS });
    const compile = [optimization(search), '-w', '-DVECTORSZ=512', `-DMEMLIM=${String(limits.memoryMb)}`, ...MODE_DEFINES[search.mode]];
    await run(tools.cc, [...compile, '-o', 'pan', 'pan.c'], { ...options, timeout: COMPILE_MS });
    const searched = await run(join(folder, 'pan'), PAN_ARGUMENTS[search.mode], { ...options, timeout: limits.deadlineMs });
    const outcome = readPanOutput(searched.stdout);
    return { outcome, story: outcome.kind === 'counterexample' ? await replay(folder, signal) : null };
  } catch (error) {
    if (signal.aborted) throw error;
    return { outcome: failed(error), story: null };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** -S: only what the model itself says. pan ends the replay with an error code, because it ends in a failed assertion. */
async function replay(folder: string, signal: AbortSignal): Promise<Story | null> {
  const trail = (await readdir(folder)).find((name) => name === `${basename(PROTOCOL_SOURCE)}.trail`);
  if (trail === undefined) return null;
  const args = ['-S', '-r', trail];
  const options = { cwd: folder, signal, maxBuffer: OUTPUT_BYTES, timeout: GENERATE_MS, killSignal: 'SIGKILL' } as const;
  try {
    return readStory((await run(join(folder, 'pan'), args, options)).stdout);
  } catch (error) {
    if (signal.aborted || !hasStdout(error)) throw error;
    return readStory(error.stdout);
  }
}

function hasStdout(error: unknown): error is { readonly stdout: string } {
  return typeof error === 'object' && error !== null && 'stdout' in error && typeof error.stdout === 'string';
}

function failed(error: unknown): PanOutcome {
  const said = hasStdout(error) ? error.stdout.trim().split('\n').slice(0, 3).join(' | ') : '';
  const killed = typeof error === 'object' && error !== null && 'killed' in error && error.killed === true;
  return {
    kind: 'unusable',
    why: killed ? 'it did not end before its deadline' : `${messageOf(error).split('\n')[0] ?? ''} ${said}`.trim(),
  };
}
