/**
 * The `docker` command and either generation of Compose, as child processes. Every command has a deadline. The children are in groups of their
 * own: Ctrl-C in the terminal must reach the program only, which then takes down what it started.
 */
import { spawn, spawnSync } from 'node:child_process';
import { throwIfInterrupted } from '../cluster/interrupted.ts';

export type CommandOptions = {
  readonly withinMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the command. What it had begun is left for whoever cleans up. */
  readonly signal?: AbortSignal;
  /** Line by line what the command has to tell, on both of its outputs. */
  readonly onOutput?: (text: string) => void;
};

const COMMAND_MS = 60_000;
const PROBE_MS = 10_000;
const OUTPUT_CHARACTERS_MAX = 16_777_216;
const TOLD_CHARACTERS = 2_000;

/** What the command wrote to stdout. Throws with the end of what it wrote to stderr when it failed or took too long. */
export async function command(
  program: string,
  args: readonly string[],
  { withinMs = COMMAND_MS, env = {}, signal, onOutput }: CommandOptions = {},
): Promise<string> {
  if (signal !== undefined) throwIfInterrupted(signal);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
    timeout: withinMs,
  });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  signal?.addEventListener('abort', stop, { once: true });
  let output = '';
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length < OUTPUT_CHARACTERS_MAX) output += text;
    onOutput?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told = `${told}${text}`.slice(-TOLD_CHARACTERS);
    onOutput?.(text);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => signal?.removeEventListener('abort', stop));
  if (signal !== undefined) throwIfInterrupted(signal);
  if (code === 0) return output;
  const how = code === null ? `was ended, at the latest after ${String(withinMs / 1000)} s` : `ended with code ${String(code)}`;
  throw new Error(`${program} ${args.slice(0, 3).join(' ')} ${how}: ${told.trim()}`);
}

export async function docker(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return command('docker', args, options);
}

/** The words before a Compose command. Null: there is no Compose. */
export function composeProgram(): readonly [program: string, ...first: string[]] | null {
  if (answers('docker', ['compose', 'version'])) return ['docker', 'compose'];
  return answers('docker-compose', ['version']) ? ['docker-compose'] : null;
}

export function engineAnswers(): boolean {
  return answers('docker', ['version', '--format', '{{.Server.Version}}']);
}

function answers(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: PROBE_MS }).status === 0;
}
