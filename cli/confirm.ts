/**
 * Asks before something risky. The risk has been stated in numbers by then. Where nobody can be asked, nothing is done: a script has to say
 * `--yes`, so that a pipe that lost its terminal never means consent.
 */
import { Declined } from './declined.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export async function requireConsent(terminal: Terminal, yes: boolean, risks: readonly string[], question: string): Promise<void> {
  for (const risk of risks) terminal.err(`${risk}\n`);
  if (yes) return;
  if (!terminal.canAsk)
    throw new UsageError('there is no terminal to ask at', 'Repeat the command with --yes to go on without being asked. Nothing was done.');
  // Loaded on demand: an agent that has to be back quickly must not read a prompt library first.
  const { confirm } = await import('@inquirer/prompts');
  const agreed = await confirm({ message: question, default: false }, { output: process.stderr }).catch((error: unknown) => {
    // Ctrl-C at the prompt is an answer.
    if (error instanceof Error && error.name === 'ExitPromptError') return false;
    throw error;
  });
  if (!agreed) throw new Declined();
}
