/** What every verb is given, and the options many of them share. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Terminal } from '../terminal.ts';

export type Context = { readonly terminal: Terminal };

export type OutputFormat = 'table' | 'json';

export function addOutputOption(command: Command): Command {
  return command.addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'));
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value)}\n`);
}

export function addWithinOption(command: Command): Command {
  return command.addOption(new Option('--within <seconds>', 'how long to wait for the outcome').argParser(positiveSeconds).default(30));
}

export function positiveSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 86_400)
    throw new InvalidArgumentError('It must be a number of seconds above 0.');
  return seconds;
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${String(least)} to ${String(most)}.`);
    return value;
  };
}

export function oneOrThree(text: string): 1 | 3 {
  if (text !== '1' && text !== '3') throw new InvalidArgumentError('It must be 1 or 3.');
  return text === '1' ? 1 : 3;
}
