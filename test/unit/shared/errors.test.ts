import { describe, expect, it } from 'vitest';
import { assert, InvariantError } from '../../../shared/assert.ts';
import { ERRORS } from '../../../shared/error-codes.ts';
import { AppError, appError, describeError, exitCodeOf, messageOf, toAppError } from '../../../shared/errors.ts';

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: something`), { code, syscall });
}

describe('the table of errors', () => {
  it('gives every code a title, a hint and a failing exit code', () => {
    const entries = Object.entries(ERRORS);
    expect(entries.length).toBeGreaterThan(30);
    for (const [code, entry] of entries) {
      expect(code).toMatch(/^PGB-1\d{3}$/);
      expect(entry.title).not.toBe('');
      expect(entry.hint).toMatch(/[.:]$/);
      expect([1, 2, 3, 4]).toContain(entry.exitCode);
    }
  });

  it('gives no two codes the same title', () => {
    const titles = Object.values(ERRORS).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});

describe('AppError', () => {
  it('carries what the table says, the detail and the cause', () => {
    const cause = new Error('boom');
    const error = appError('PGB-1101', '127.0.0.1:5432', { cause });
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'PGB-1101', detail: '127.0.0.1:5432', retryable: false, exitCode: 2, cause });
    expect(error.message).toBe('The port is in use: 127.0.0.1:5432');
  });

  it('has no cause when none was given', () => {
    expect('cause' in appError('PGB-1405', '')).toBe(false);
    expect(appError('PGB-1405', '').message).toBe('The cluster has no leader');
  });
});

describe('describeError', () => {
  it.each([
    ['ENOSPC', 'write', 'PGB-1104'],
    ['EADDRINUSE', 'listen', 'PGB-1101'],
    ['ENOENT', 'spawn initdb', 'PGB-1102'],
    ['ENOENT', 'open', 'PGB-1106'],
    ['EACCES', 'open', 'PGB-1105'],
  ])('maps %s of %s to %s', (code, syscall, expected) => {
    expect(describeError(systemError(code, syscall)).code).toBe(expected);
  });

  it('calls a broken invariant and everything unknown an internal error', () => {
    expect(describeError(new InvariantError('x')).code).toBe('PGB-1999');
    expect(describeError('just text')).toMatchObject({ code: 'PGB-1999', message: 'Internal error: just text' });
    expect(exitCodeOf(undefined)).toBe(1);
  });

  it('leaves an AppError as it is', () => {
    const error = appError('PGB-1406', 'after 5 s');
    expect(toAppError(error)).toBe(error);
    expect(exitCodeOf(error)).toBe(4);
  });

  it('finds words for errors without a message', () => {
    expect(messageOf(new TypeError())).toBe('TypeError');
    assert(messageOf(undefined) === 'undefined', 'undefined has a text');
  });
});
