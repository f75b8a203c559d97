import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { Declined } from '../../../cli/declined.ts';
import { EXIT_CODES, failureOf, wantsJson } from '../../../cli/failure.ts';
import { UsageError } from '../../../cli/usage-error.ts';
import { ERRORS } from '../../../shared/error-codes.ts';
import { appError } from '../../../shared/errors.ts';

describe('how a command ends', () => {
  it('is no failure after --help', () => {
    expect(failureOf(new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'))).toBeNull();
  });

  it.each([
    [new CommanderError(1, 'commander.unknownOption', "error: unknown option '--x'"), 2],
    [new UsageError('a', 'b'), 2],
    [new Declined(), 3],
    [appError('PGB-1401', ''), 3],
    [appError('PGB-1406', ''), 4],
    [new Error('boom'), 1],
  ])('%s has exit code %i', (error, exitCode) => {
    expect(failureOf(error)?.exitCode).toBe(exitCode);
  });

  it('documents every exit code an error can have', () => {
    const documented = EXIT_CODES.map(({ code }) => code);
    for (const { exitCode } of Object.values(ERRORS)) expect(documented).toContain(exitCode);
  });

  it('knows that JSON was asked for without parsing the rest', () => {
    expect(wantsJson(['list', '--bogus', '-o', 'json'])).toBe(true);
    expect(wantsJson(['--output=json'])).toBe(true);
    expect(wantsJson(['config', 'check', 'json'])).toBe(false);
  });
});
