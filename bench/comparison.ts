/**
 * The program around a comparison: what was asked for, the report, the exit code. It must never print a figure itself; and whatever happens, also Ctrl-C,
 * it leaves to the comparison the time to stop what it started.
 */
import { messageOf } from '../shared/errors.ts';
import { shutdownOnSignals } from '../shared/runtime/shutdown.ts';
import { runToEnd, type Program } from './programs.ts';

const VERSION_MS = 20_000;
const INTERRUPTED = 130;
const MISUSED = 2;

type Asked = { readonly json: boolean; readonly strict: boolean };
type Told = { readonly verdict: string };

export type Comparison<Options extends Asked, Report extends Told> = {
  readonly usage: string;
  /** Null: only help was wanted. Throws an Error that names what is wrong. */
  readonly readOptions: (args: readonly string[]) => Options | null;
  readonly compare: (options: Options, signal: AbortSignal) => Promise<Report>;
  readonly textOf: (report: Report) => string;
};

/** For people: the figures have stdout to themselves. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export async function runComparison<Options extends Asked, Report extends Told>(comparison: Comparison<Options, Report>): Promise<void> {
  const options = asked(comparison);
  if (options === null) return;
  const { signal } = shutdownOnSignals({ signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  try {
    const report = await comparison.compare(options, signal);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : comparison.textOf(report));
    if (options.strict && report.verdict !== 'pass') process.exitCode = 1;
  } catch (error) {
    note(messageOf(error));
    process.exitCode = signal.aborted ? INTERRUPTED : 1;
  }
}

/** What a program calls itself; 'unknown' when it says no number. */
export async function versionOf(program: Pick<Program, 'command' | 'args' | 'as' | 'cwd'>, signal: AbortSignal): Promise<string> {
  const said = await runToEnd({ ...program, cpus: null, withinMs: VERSION_MS }, signal);
  return /\d+\.\d+\S*/.exec(said)?.[0] ?? 'unknown';
}

function asked<Options extends Asked>({ readOptions, usage }: Pick<Comparison<Options, Told>, 'readOptions' | 'usage'>): Options | null {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === null) process.stdout.write(usage);
    return options;
  } catch (error) {
    note(`${messageOf(error)}\n\n${usage}`);
    process.exitCode = MISUSED;
    return null;
  }
}
