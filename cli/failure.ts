/** How a command ends badly: one code, one message, one hint, one exit code. Never throws, never prints. */
import { CommanderError } from 'commander';
import { describeError, exitCodeOf } from '../shared/errors.ts';
import { Declined } from './declined.ts';
import { UsageError } from './usage-error.ts';

export type Failure = { readonly code: string; readonly message: string; readonly hint: string; readonly exitCode: number };

export const EXIT_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: 'done' },
  { code: 1, meaning: 'unexpected failure' },
  { code: 2, meaning: 'wrong usage or configuration; nothing was asked of the cluster' },
  { code: 3, meaning: 'refused: by the cluster, or by you at the prompt' },
  { code: 4, meaning: 'timed out or unreachable; after a request that changes something the outcome is unknown' },
];

/** Null when nothing failed: --help and --version also leave by an exception. */
export function failureOf(error: unknown): Failure | null {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return null;
    if (error.code === 'commander.help')
      return { code: 'usage', message: 'a command is missing', hint: 'See the list above, or `pgbaton --help`.', exitCode: 2 };
    return { code: 'usage', message: error.message.replace(/^error: /, ''), hint: 'See `pgbaton --help`.', exitCode: 2 };
  }
  if (error instanceof UsageError) return { code: 'usage', message: error.message, hint: error.hint, exitCode: 2 };
  if (error instanceof Declined) return { code: 'declined', message: error.message, hint: 'Nothing was changed.', exitCode: 3 };
  return { ...describeError(error), exitCode: exitCodeOf(error) };
}

/** Whether the caller asked for JSON, readable even when the rest of the command line is not. */
export function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (argument, index) =>
      argument === '-ojson' || argument === '--output=json' || (argument === 'json' && ['-o', '--output'].includes(argv[index - 1] ?? '')),
  );
}
