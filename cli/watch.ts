/** `--watch`: the same picture again and again until a signal. A moment without an answer is shown and does not end it. */
import { sleep } from '../shared/runtime/deadline.ts';
import { shutdownOnSignals } from '../shared/runtime/shutdown.ts';
import { failureOf } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const DEFAULT_SECONDS = 1;
const LEAST_SECONDS = 0.05;

/** Commander gives `true` for the option without a value. Null: print once. */
export function watchMs(option: string | boolean | undefined): number | null {
  if (option === undefined || option === false) return null;
  const seconds = option === true ? DEFAULT_SECONDS : Number(option);
  if (!Number.isFinite(seconds) || seconds < LEAST_SECONDS)
    throw new UsageError(`--watch ${String(option)} is not a number of seconds`, `At least ${String(LEAST_SECONDS)}.`);
  return seconds * 1000;
}

/** Each picture replaces the former on a terminal, and follows it elsewhere. */
export async function printOnceOrWatch(
  terminal: Terminal,
  everyMs: number | null,
  json: boolean,
  picture: () => Promise<string>,
): Promise<void> {
  if (everyMs === null) terminal.out(await picture());
  else await printRepeatedly(terminal, everyMs, json, shutdownOnSignals().signal, picture);
}

export async function printRepeatedly(
  terminal: Terminal,
  everyMs: number,
  json: boolean,
  signal: AbortSignal,
  picture: () => Promise<string>,
): Promise<void> {
  while (!signal.aborted) {
    const text = await picture().catch((error: unknown) => failureText(error, json));
    if (json || !terminal.outIsTerminal) terminal.out(text);
    else terminal.out(`\u001B[H\u001B[2J${text}`);
    await sleep(everyMs, signal);
  }
}

function failureText(error: unknown, json: boolean): string {
  const failure = failureOf(error);
  if (failure === null) return '';
  const { code, message, hint } = failure;
  return json ? `${JSON.stringify({ error: { code, message, hint } })}\n` : `${code} ${message}\n`;
}
